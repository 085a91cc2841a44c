-- Identity for SQL that is not ours: tools and hooks, queries of a model, and code of a watched
-- table that runs when an answer is written. Such SQL runs in the session of a worker, whose login
-- may act for anybody, and can change every setting. It cannot leave the roles howdah_tool,
-- howdah_reader and howdah_writer (sql/10_private/tools/run_as_tool_role.sql, run_read_query.sql). Under these roles
-- no setting counts but `howdah.bound`: the tenant, the user and the trust of the run, signed by
-- the worker for this transaction.
create or replace function howdah_private.binding(tenant_id uuid, execution_id uuid) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_user_id uuid;
  v_trust howdah.trust;
  v_said text;
begin
  perform pg_current_xact_id(); -- from here on it has one
  select e.user_id, e.trust into v_user_id, v_trust from howdah.executions as e
  where e.id = binding.execution_id and e.tenant_id = binding.tenant_id;
  v_said := binding.tenant_id || ' ' || coalesce(v_user_id::text, '-') || ' ' || coalesce(v_trust, 'external');
  return v_said || ' ' || howdah_private.binding_seal(v_said);
end $$;

-- Hashed twice, since whoever knows sha256 of a text knows that of longer ones. With the number of the transaction: what was
-- signed for one says nothing in another. (A session's number would be another one in a parallel worker.)
create or replace function howdah_private.binding_seal(said text) returns text
  language sql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(i.binding_key || sha256(i.binding_key || convert_to(
    pg_current_xact_id_if_assigned() || ' ' || binding_seal.said, 'UTF8'))), 'hex')
  from howdah_private.installation as i
$$;

create or replace function howdah_private.is_bound() returns boolean
  language sql stable parallel safe
  return current_setting('role') in ('howdah_tool', 'howdah_reader', 'howdah_writer');

-- No row for who signed himself.
create or replace function howdah_private.verified_binding() returns table (tenant_id uuid, user_id uuid)
  language plpgsql stable parallel safe security definer rows 1
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[] := string_to_array(current_setting('howdah.bound', true), ' ');
begin
  if v_parts[4] = howdah_private.binding_seal(array_to_string(v_parts[:3], ' ')) then
    return query select v_parts[1]::uuid, nullif(v_parts[2], '-')::uuid;
  end if;
end $$;

-- How far the words are trusted of whoever writes: as the run is whose tool it is. Null: a person does.
create or replace function howdah_private.bound_trust() returns howdah.trust
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(split_part(current_setting('howdah.bound', true), ' ', 3), ''), 'external')::howdah.trust
  where howdah_private.is_bound() and exists (select from howdah_private.verified_binding())
$$;
