-- The audit log is written in two phases. A statement that changes something adds an entry to a
-- private inbox, which blocks nobody. At commit, a deferred trigger locks the head of the hash
-- chain of the tenant, and appends the entries to audit_log. So the lock is always the last lock of
-- a transaction and is held only during the commit, and rows appear in commit order without gaps. A
-- rollback leaves no entry, and a change that cannot be recorded is not made.

-- Returns the actor and the origin of the current statement. The settings are trusted under the
-- same rule as the setting of the user.
create or replace function howdah_private.audit_actor(
  out actor text, out user_id uuid, out login text, out api_key_id uuid, out client text
)
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  actor := howdah_private.actor();
  user_id := howdah.current_user_id();
  login := session_user;
  if howdah_private.has_trusted_login() then
    api_key_id := nullif(current_setting('howdah.api_key_id', true), '')::uuid;
    client := nullif(current_setting('howdah.client', true), '');
  end if;
  client := left(coalesce(client, concat_ws(' ', 'sql',
    nullif(current_setting('application_name'), ''),
    coalesce(host(inet_client_addr()), 'local'))), 200);
end $$;

-- Returns rows by their key, without the columns that only the engine writes.
create or replace function howdah_private.keyed_rows(object text, keys text[], rows jsonb[])
  returns table (key text, content jsonb)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select (select string_agg(r.row ->> k.name, '/' order by k.place)
      from unnest(keyed_rows.keys) with ordinality as k (name, place)),
    r.row - (array['updated_at', 'version_is_stale', 'current_version_id', 'is_restricted',
      'next_at', 'retry_at', 'last_at', 'last_execution_id', 'last_error', 'last_used_at']
      || case keyed_rows.object when 'alert_rules'
        then array['state', 'sample', 'found_rows', 'changed_at']
        when 'grading_rules' then array['graded_until_at'] else '{}' end)
  from unnest(keyed_rows.rows) as r (row)
$$;

create or replace function howdah_private.content_digest(content jsonb) returns bytea
  language sql immutable
  return sha256(convert_to(content::text, 'UTF8'));

-- Records the changes of a statement to a table. Unchanged rows are left out; a row whose key
-- changed is another row. Rows without a tenant go to the chain of the nil tenant, which only
-- operators see.
create or replace function howdah_private.audit_changes(
  object text, keys text[], before jsonb[], after jsonb[]
)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
begin
  insert into howdah_private.audit_inbox (
    tenant_id, actor, user_id, login, api_key_id, client, action, object, object_id,
    before_digest, after_digest, changed
  )
  select coalesce(c.content ->> 'tenant_id', case audit_changes.object when 'tenants' then c.key
      else '00000000-0000-0000-0000-000000000000' end)::uuid,
    w.actor, w.user_id, w.login, w.api_key_id, w.client,
    case when c.before is null then 'insert' when c.after is null then 'delete' else 'update' end,
    audit_changes.object, c.key, howdah_private.content_digest(c.before),
    howdah_private.content_digest(c.after),
    case when c.before is not null and c.after is not null then array(
      select key from jsonb_each(c.before) as b full join jsonb_each(c.after) as a using (key)
      where b.value is distinct from a.value order by key
    ) end
  from (
    select key, b.content as before, a.content as after, coalesce(a.content, b.content) as content
    from howdah_private.keyed_rows(
      audit_changes.object, audit_changes.keys, audit_changes.before) as b
    full join howdah_private.keyed_rows(
      audit_changes.object, audit_changes.keys, audit_changes.after) as a using (key)
    where b.content is distinct from a.content
    order by key
  ) as c
  cross join howdah_private.audit_actor() as w;
  if found then
    insert into howdah_private.audit_pending default values on conflict do nothing;
  end if;
end $$;

-- Records an action on an object other than a change of its row. Stores only the digest of the text
-- that the user gave.
create or replace function howdah_private.audit_action(
  tenant_id uuid, action text, object text, object_id text,
  detail jsonb default null, said jsonb default null
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  insert into howdah_private.audit_inbox (
    tenant_id, actor, user_id, login, api_key_id, client, action, object, object_id,
    after_digest, detail
  )
  select audit_action.tenant_id, w.actor, w.user_id, w.login, w.api_key_id, w.client,
    audit_action.action, audit_action.object, audit_action.object_id,
    howdah_private.content_digest(audit_action.said), audit_action.detail
  from howdah_private.audit_actor() as w;
  insert into howdah_private.audit_pending default values on conflict do nothing;
end $$;

-- Records a control action on a run, with the status of the run at that time.
create or replace function howdah_private.audit_control(
  e howdah.executions, action text, said jsonb default null
)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.audit_action(e.tenant_id, audit_control.action, 'executions', e.id::text,
    jsonb_build_object('status', e.status), audit_control.said);
end $$;

-- Records a control action on many runs, before the action.
create or replace function howdah_private.audit_controls(ids uuid[], action text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set enable_seqscan = off set jit = off
  set plan_cache_mode = force_generic_plan
as $$
begin
  insert into howdah_private.audit_inbox (
    tenant_id, actor, user_id, login, api_key_id, client, action, object, object_id, detail
  )
  select e.tenant_id, w.actor, w.user_id, w.login, w.api_key_id, w.client, audit_controls.action,
    'executions', e.id::text, jsonb_build_object('status', e.status)
  from howdah_private.audit_actor() as w, howdah.executions as e
  where e.id = any (audit_controls.ids)
  order by e.id;
  if found then
    insert into howdah_private.audit_pending default values on conflict do nothing;
  end if;
end $$;

-- Computes the hash of a row from the previous hash and all other columns, as JSON whose text does
-- not depend on the settings of a session. src/db/operations/audit.ts repeats the computation, so
-- that a check need not trust the functions of a database.
create or replace function howdah_private.audit_hash(a howdah.audit_log) returns bytea
  language sql stable
  return sha256(a.prev_hash || convert_to(jsonb_build_array(
    a.tenant_id, a.seq, a.id, extract(epoch from a.created_at), a.actor, a.user_id, a.login,
    a.api_key_id, a.client, a.action, a.object, a.object_id, encode(a.before_digest, 'hex'),
    encode(a.after_digest, 'hex'), a.changed, a.detail
  )::text, 'UTF8'));

-- Appends the entries of this transaction for a tenant to the chain of the tenant. Forces index
-- scans: the inbox is empty for other transactions and full of dead rows, so the planner may have
-- seen an empty table.
create or replace function howdah_private.chain_audit(tenant_id uuid) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off
as $$
declare
  v_head howdah_private.audit_heads;
  v_entry howdah_private.audit_inbox;
  v_row howdah.audit_log;
begin
  select * into v_head from howdah_private.audit_heads as h
  where h.tenant_id = chain_audit.tenant_id
  for no key update;
  if not found then
    insert into howdah_private.audit_heads (tenant_id, seq, hash)
    values (chain_audit.tenant_id, 0,
      sha256(convert_to('howdah audit log of ' || chain_audit.tenant_id, 'UTF8')))
    on conflict do nothing;
    select * into strict v_head from howdah_private.audit_heads as h
    where h.tenant_id = chain_audit.tenant_id
    for no key update;
  end if;
  for v_entry in
    select * from howdah_private.audit_inbox as i
    where i.xid = pg_current_xact_id() and i.tenant_id = chain_audit.tenant_id order by i.position
  loop
    v_head.seq := v_head.seq + 1;
    v_row := row(v_entry.tenant_id, v_head.seq, howdah.uuid_v7(), clock_timestamp(), v_entry.actor,
      v_entry.user_id, v_entry.login, v_entry.api_key_id, v_entry.client, v_entry.action,
      v_entry.object, v_entry.object_id, v_entry.before_digest, v_entry.after_digest,
      v_entry.changed, v_entry.detail, v_head.hash, null);
    v_row.hash := howdah_private.audit_hash(v_row);
    insert into howdah.audit_log select v_row.*;
    v_head.hash := v_row.hash;
  end loop;
  update howdah_private.audit_heads as h set seq = v_head.seq, hash = v_head.hash
  where h.tenant_id = chain_audit.tenant_id;
end $$;

-- Returns the chains whose last row has no checkpoint yet.
create or replace function howdah_private.due_checkpoints()
  returns table (tenant_id uuid, seq bigint, hash text)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select h.tenant_id, h.seq, encode(h.hash, 'hex')
  from howdah_private.audit_heads as h
  where not exists (
    select from howdah_private.audit_checkpoints as c
    where c.tenant_id = h.tenant_id and c.seq = h.seq
  )
  order by h.tenant_id
$$;

-- Restores checkpoints that were written outside but are missing here, since a worker was killed in
-- between. Only checkpoints that match the log count, not checkpoints of another database.
create or replace function howdah_private.restore_checkpoints(checkpoints jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.audit_checkpoints (tenant_id, seq, hash, hmac, signed_by)
  select c.tenant_id, c.seq, l.hash, decode(c.hmac, 'hex'), c.signed_by
  from jsonb_to_recordset(restore_checkpoints.checkpoints)
    as c (tenant_id uuid, seq bigint, hash text, hmac text, signed_by text)
  join howdah.audit_log as l
    on l.tenant_id = c.tenant_id and l.seq = c.seq and l.hash = decode(c.hash, 'hex')
  on conflict do nothing
$$;

-- Stores signed checkpoints.
create or replace function howdah_private.keep_checkpoints(checkpoints jsonb) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.audit_checkpoints (tenant_id, seq, hash, hmac, signed_by)
  select c.tenant_id, c.seq, decode(c.hash, 'hex'), decode(c.hmac, 'hex'), c.signed_by
  from jsonb_to_recordset(keep_checkpoints.checkpoints)
    as c (tenant_id uuid, seq bigint, hash text, hmac text, signed_by text)
  on conflict do nothing
$$;
