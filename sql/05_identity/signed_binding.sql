-- Identity for SQL that is not part of the engine: tools and hooks, queries of a model, and code of
-- a watched table that runs when an answer is written. Such SQL runs in the session of a worker,
-- whose login may act for any tenant, and can change every setting. It cannot leave the roles
-- howdah_tool, howdah_reader and howdah_writer (sql/10_private/tools/run_as_tool_role.sql,
-- run_read_query.sql).
--
-- Under these roles the only setting that counts is `howdah.bound`: the tenant, the user, the trust
-- and the id of the run, signed by the worker for this transaction. For a query that a person
-- writes, the API signs it, with the role of the person. SQL that changes the setting acts for no
-- tenant.

-- Returns the binding of SQL that acts for the user of a run.
create or replace function howdah_private.binding(tenant_id uuid, execution_id uuid) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  v_user_id uuid;
  v_trust howdah.trust;
begin
  select e.user_id, coalesce(h.trust, e.trust) into v_user_id, v_trust
  from howdah.executions as e left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.id = binding.execution_id and e.tenant_id = binding.tenant_id;
  return howdah_private.signed_binding(
    binding.tenant_id, v_user_id, v_trust, binding.execution_id);
end $$;

-- Returns the binding of SQL that a run causes and that acts for no user: hooks, and the code of a
-- watched table.
create or replace function howdah_private.userless_binding(tenant_id uuid, execution_id uuid)
  returns text
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.signed_binding(
    userless_binding.tenant_id, null, null, userless_binding.execution_id)
$$;

-- Signs a binding for this transaction: tenant, user, trust and run.
create or replace function howdah_private.signed_binding(
  tenant_id uuid, user_id uuid, trust howdah.trust, execution_id uuid
) returns text
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.sealed(array_to_string(array[signed_binding.tenant_id::text,
    signed_binding.user_id::text, coalesce(signed_binding.trust, 'external')::text,
    signed_binding.execution_id::text], ' ', '-'))
$$;

-- Returns the binding of a query that a person writes (POST /api/sql). It acts for the caller of
-- the request, with the role of the request, and for no run. Only the API may call it, before it
-- gives its rights away, so no SQL of others can bind itself anew.
create or replace function howdah_private.caller_binding() returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_admin('query the database');
  return howdah_private.sealed(array_to_string(array[howdah.current_tenant()::text,
    howdah.current_user_id()::text, 'external', null, howdah.current_user_role()::text], ' ', '-'));
end $$;

-- Returns a payload with its signature. The payload has spaces between its parts alone.
create or replace function howdah_private.sealed(payload text) returns text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_current_xact_id(); -- assigns the id that the seal contains
  return sealed.payload || ' ' || howdah_private.binding_seal(sealed.payload);
end $$;

-- Returns the signature of a binding. Hashes twice, which prevents length extension attacks on
-- sha256. Includes the transaction id, so that a signature is valid in one transaction only. A
-- session id would not do, because parallel workers have other ones.
create or replace function howdah_private.binding_seal(payload text) returns text
  language sql stable parallel safe security definer
  set search_path = pg_catalog, pg_temp
as $$
  select encode(sha256(i.binding_key || sha256(i.binding_key || convert_to(
    pg_current_xact_id_if_assigned() || ' ' || binding_seal.payload, 'UTF8'))), 'hex')
  from howdah_private.installation as i
$$;

-- Returns whether the current role runs SQL that is not part of the engine.
create or replace function howdah_private.is_bound() returns boolean
  language sql stable parallel safe
  return current_setting('role') in ('howdah_tool', 'howdah_reader', 'howdah_writer');

-- Returns the bound tenant and user, or no row if the signature is not valid.
create or replace function howdah_private.verified_binding()
  returns table (tenant_id uuid, user_id uuid)
  language plpgsql stable parallel safe security definer rows 1
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_parts text[] := string_to_array(current_setting('howdah.bound', true), ' ');
  v_last int := cardinality(v_parts); -- 5, or 6 with a role
begin
  if v_last between 5 and 6
    and v_parts[v_last] = howdah_private.binding_seal(
      array_to_string(v_parts[:v_last - 1], ' ')) then
    return query select v_parts[1]::uuid, nullif(v_parts[2], '-')::uuid;
  end if;
end $$;

-- Returns the role of the person whose query is running. Returns null for SQL that a worker runs,
-- whose binding has no role.
create or replace function howdah_private.bound_role() returns howdah.user_role
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select p.parts[5]::howdah.user_role
  from (select string_to_array(current_setting('howdah.bound', true), ' ') as parts) as p
  where cardinality(p.parts) = 6 and exists (select from howdah_private.verified_binding())
$$;

-- Returns the trust of the run whose SQL is running. Returns null outside of such SQL.
create or replace function howdah_private.bound_trust() returns howdah.trust
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(nullif(split_part(current_setting('howdah.bound', true), ' ', 3), ''),
    'external')::howdah.trust
  where howdah_private.is_bound() and exists (select from howdah_private.verified_binding())
$$;

-- Returns the run that causes the SQL which is running. Returns null outside of such SQL.
create or replace function howdah_private.bound_execution_id() returns uuid
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select nullif(split_part(current_setting('howdah.bound', true), ' ', 4), '-')::uuid
  where howdah_private.is_bound() and exists (select from howdah_private.verified_binding())
$$;
