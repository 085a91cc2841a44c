-- Records changes in the audit log.
--
-- Every statement that changes an audited table adds its rows to audit_inbox. Audited are tables of
-- the kind `definition`, and of the kind `content` if callers write them, except those with `audit`
-- by hand (table_rules). A deferred trigger on audit_pending
-- moves the rows of the transaction to audit_log at commit, as late as possible, because it locks
-- the head of the chain of the tenant. The audit log itself is immutable.

-- Records the rows that a statement changed. The arguments name the columns of the key. The time
-- zone is pinned, because the digests include times.
create or replace function howdah_private.tg__audit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set timezone = 'UTC' set bytea_output = 'hex'
as $$
declare
  v_before jsonb[];
  v_after jsonb[];
begin
  if tg_op <> 'INSERT' then
    select array_agg(to_jsonb(o)) into v_before from old_rows as o;
  end if;
  if tg_op <> 'DELETE' then
    select array_agg(to_jsonb(n)) into v_after from new_rows as n;
  end if;
  perform howdah_private.audit_changes(tg_table_name, tg_argv::text[], v_before, v_after)
  where v_before is not null or v_after is not null;
  return null;
end $$;

do $$
declare
  v_table regclass;
  v_keys text;
begin
  for v_table in
    select c.oid from howdah_private.table_rules() as r
    join pg_catalog.pg_class as c on c.relname = r.object and c.relkind in ('r', 'p')
      and c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
    where r.kind = 'definition' order by c.oid
  loop
    select coalesce(string_agg(quote_literal(a.attname), ', ' order by k.position), '''tenant_id''')
    into v_keys
    from pg_catalog.pg_constraint as c
    cross join unnest(c.conkey) with ordinality as k (attnum, position)
    join pg_catalog.pg_attribute as a on a.attrelid = c.conrelid and a.attnum = k.attnum
    where c.conrelid = v_table and c.contype = 'p' and a.attname <> 'tenant_id';
    execute format(
      'create or replace trigger _950_audit_insert after insert on %1$s
         referencing new table as new_rows
         for each statement execute function howdah_private.tg__audit(%2$s);
       create or replace trigger _950_audit_update after update on %1$s
         referencing old table as old_rows new table as new_rows
         for each statement execute function howdah_private.tg__audit(%2$s);
       create or replace trigger _950_audit_delete after delete on %1$s
         referencing old table as old_rows
         for each statement execute function howdah_private.tg__audit(%2$s)', v_table, v_keys);
  end loop;
end $$;

-- Records the changes that people make to contents: todos, files, sessions and mail. Changes by the
-- engine are in the logs of runs, and foreign keys may set references to null; neither is recorded.
-- Inserts into tables with created_by, which names the author, are not recorded. An insert of a
-- session is recorded only if its user is not the current user. The digest of a file covers its
-- sha256 in place of its bytes.
create or replace function howdah_private.tg_resources__audit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
  v_before jsonb[];
  v_after jsonb[];
begin
  select array_agg(to_jsonb(o)) into v_before from (
    select r.id, r.tenant_id, r.name, r.type, r.uri, r.storage_path, r.size, r.sha256, r.metadata,
      r.execution_id, r.session_id, r.created_by, r.created_at
    from old_rows as r
  ) as o;
  if tg_op = 'UPDATE' then
    select array_agg(to_jsonb(n)) into v_after from (
      select r.id, r.tenant_id, r.name, r.type, r.uri, r.storage_path, r.size, r.sha256, r.metadata,
        r.execution_id, r.session_id, r.created_by, r.created_at
      from new_rows as r
    ) as n;
  end if;
  perform howdah_private.audit_changes('resources', '{id}', v_before, v_after)
  where v_before is not null;
  return null;
end $$;

-- The digest of a document covers its md5 in place of its text.
create or replace function howdah_private.tg_documents__audit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
declare
  v_before jsonb[];
  v_after jsonb[];
begin
  select array_agg(to_jsonb(o)) into v_before from (
    select d.id, d.tenant_id, d.knowledge_base_id, d.title, d.type, d.digest, d.metadata, d.status,
      d.error, d.created_by, d.created_at
    from old_rows as d
  ) as o;
  if tg_op = 'UPDATE' then
    select array_agg(to_jsonb(n)) into v_after from (
      select d.id, d.tenant_id, d.knowledge_base_id, d.title, d.type, d.digest, d.metadata,
        d.status, d.error, d.created_by, d.created_at
      from new_rows as d
    ) as n;
  end if;
  perform howdah_private.audit_changes('documents', '{id}', v_before, v_after)
  where v_before is not null;
  return null;
end $$;

create or replace function howdah_private.tg_sessions__audit() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
begin
  perform howdah_private.audit_changes('sessions', '{id}', null, array[to_jsonb(new)]);
  return null;
end $$;

-- Returns the tables of contents that callers write, and whether their rows name their author.
create or replace function howdah_private.tables_with_audited_contents()
  returns table (name text, has_author boolean)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select r.object, exists (
      select from pg_catalog.pg_attribute as a
      where a.attrelid = c.oid and a.attname = 'created_by' and not a.attisdropped)
  from howdah_private.table_rules() as r
  join pg_catalog.pg_class as c
    on c.relname = r.object and c.relnamespace = 'howdah'::regnamespace
  where r.kind = 'content' and r.writing <> '{}' and 'audit' <> all (r.by_hand)
$$;

do $$
declare
  v_row record;
begin
  for v_row in
    select t.name, e.event, e.rows
    from howdah_private.tables_with_audited_contents() as t
    cross join (values
      ('insert', 'new table as new_rows'),
      ('update', 'old table as old_rows new table as new_rows'),
      ('delete', 'old table as old_rows')
    ) as e (event, rows)
    where e.event <> 'insert' or not (t.has_author or t.name = 'sessions')
  loop
    execute format(
      'create or replace trigger _960_audit_%1$s after %1$s on howdah.%2$I
         referencing %3$s for each statement
         when (current_user <> ''howdah_engine''
           and (current_user <> ''howdah_owner'' or current_setting(''role'') = ''howdah_owner''))
         execute function howdah_private.%4$I(''id'')', v_row.event, v_row.name, v_row.rows,
      case v_row.name when 'resources' then 'tg_resources__audit'
        when 'documents' then 'tg_documents__audit' else 'tg__audit' end);
  end loop;
end $$;
create or replace trigger _960_audit_insert after insert on howdah.sessions
  for each row
  when (current_user <> 'howdah_engine' and new.user_id is distinct from howdah.current_user_id())
  execute function howdah_private.tg_sessions__audit();

-- Records the other changes of these tables, for tenants with the setting
-- audit_contents: those by the engine, and new rows. Each change is recorded by one of the two
-- families of triggers, because their conditions exclude each other.
create or replace function howdah_private.tg__audit_contents() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set timezone = 'UTC' set bytea_output = 'hex'
as $$
declare
  -- sha256 stands for the bytes of a file, and digest for the text of a document or memory
  v_left_out constant text :=
    case when tg_table_name in ('documents', 'memories') then 'content' else 'bytes' end;
  v_before jsonb[];
  v_after jsonb[];
begin
  if not exists (select from howdah.settings as s where s.key = 'audit_contents') then
    return null;
  end if;
  if tg_op <> 'INSERT' then
    select array_agg(to_jsonb(o) - v_left_out) into v_before from old_rows as o
    where howdah_private.setting(o.tenant_id, 'audit_contents') = 1;
  end if;
  if tg_op <> 'DELETE' then
    select array_agg(to_jsonb(n) - v_left_out) into v_after from new_rows as n
    where howdah_private.setting(n.tenant_id, 'audit_contents') = 1;
  end if;
  perform howdah_private.audit_changes(tg_table_name, '{id}', v_before, v_after)
  where v_before is not null or v_after is not null;
  return null;
end $$;

-- Records a session that a user begins for themselves, under the same setting.
create or replace function howdah_private.tg_sessions__audit_own() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set timezone = 'UTC'
as $$
begin
  perform howdah_private.audit_changes('sessions', '{id}', null, array[to_jsonb(new)])
  where howdah_private.setting(new.tenant_id, 'audit_contents') = 1;
  return null;
end $$;

do $$
declare
  v_row record;
begin
  for v_row in
    select t.name, t.has_author, e.event, e.rows
    from howdah_private.tables_with_audited_contents() as t
    cross join (values
      ('insert', 'new table as new_rows'),
      ('update', 'old table as old_rows new table as new_rows'),
      ('delete', 'old table as old_rows')
    ) as e (event, rows)
  loop
    execute format(
      'create or replace trigger _970_audit_%1$s after %1$s on howdah.%2$I
         referencing %3$s for each statement when (%4$s)
         execute function howdah_private.tg__audit_contents()', v_row.event, v_row.name,
      v_row.rows, case
        when v_row.event = 'insert' and v_row.has_author then 'true'
        when v_row.event = 'insert' and v_row.name = 'sessions'
          then 'current_user = ''howdah_engine'''
        else 'current_user = ''howdah_engine'' or (current_user = ''howdah_owner''
          and current_setting(''role'') <> ''howdah_owner'')' end);
  end loop;
end $$;
create or replace trigger _975_audit_insert after insert on howdah.sessions
  for each row
  when (current_user <> 'howdah_engine'
    and new.user_id is not distinct from howdah.current_user_id())
  execute function howdah_private.tg_sessions__audit_own();

-- Appends the actions of the transaction to the audit log at commit, after all other deferred
-- triggers. The transaction then needs no further locks when it locks the head of the chain, so it
-- cannot deadlock with a transaction that waits for the head.
--
-- The first call updates the row of audit_pending, which queues this trigger again behind the other
-- deferred triggers. A second call within the same command (equal settled_at) can only come from
-- the commit, and does the work. A `set constraints all immediate` long before the commit makes
-- only a first call and leaves the trigger pending. The heads of several tenants are locked in the
-- order of their ids.
create or replace function howdah_private.tg_audit_pending__chain() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
  set enable_seqscan = off set jit = off
as $$
begin
  if new.settled_at is distinct from statement_timestamp() then
    set constraints howdah_private._900_chain deferred;
    update howdah_private.audit_pending as p set settled_at = statement_timestamp()
    where p.xid = new.xid;
    return null;
  end if;
  perform howdah_private.chain_audit(t.tenant_id) from (
    select distinct i.tenant_id from howdah_private.audit_inbox as i where i.xid = new.xid
    order by 1
  ) as t;
  delete from howdah_private.audit_inbox as i where i.xid = new.xid;
  delete from howdah_private.audit_pending as p where p.xid = new.xid;
  return null;
end $$;

-- Fires pending triggers of the current transaction. A migration that changed rows leaves one
-- pending, and a trigger with pending events cannot be replaced. The first statement queues the
-- trigger again, the second does the work.
do $$
begin
  if exists (
    select from pg_catalog.pg_trigger as t
    where t.tgrelid = 'howdah_private.audit_pending'::regclass and t.tgname = '_900_chain'
  ) then
    set constraints howdah_private._900_chain immediate;
    set constraints howdah_private._900_chain immediate;
  end if;
end $$;
drop trigger if exists _900_chain on howdah_private.audit_pending;
create constraint trigger _900_chain after insert or update on howdah_private.audit_pending
  deferrable initially deferred
  for each row execute function howdah_private.tg_audit_pending__chain();

create or replace trigger _100_refuse_change before update or delete on howdah.audit_log
  for each row execute function howdah_private.tg__refuse_change();
create or replace trigger _100_refuse_truncate before truncate on howdah.audit_log
  for each statement execute function howdah_private.tg__refuse_change();
