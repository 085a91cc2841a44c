-- Runs one statement of a tenant as howdah_tool, the owner of this function: inside a security
-- definer function Postgres refuses every form of `set role` and `set session authorization`.
-- `path` is the search path of the statement. Deferred triggers and constraints run before the
-- function returns; at commit they would run as the role of the session.
create or replace function howdah_private.run_as_tool_role(
  statement text, argument jsonb, path text
) returns setof text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('search_path', run_as_tool_role.path, true);
  return query execute run_as_tool_role.statement using run_as_tool_role.argument;
  set constraints all immediate;
end $$;

-- Runs a statement as howdah_writer, which writes an answer into a watched table. The table's own
-- triggers and types have no other privileges then.
create or replace function howdah_private.write_bound(statement text, argument jsonb, path text)
  returns setof text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('search_path', write_bound.path, true);
  return query execute write_bound.statement using write_bound.argument;
  set constraints all immediate;
end $$;

-- Counts the writes of each table that has a deferrable trigger which may run code of a tenant.
-- Such a trigger can defer itself again each time it runs, until it runs at COMMIT in the session
-- of the worker. Triggers of constraints count too, since a cast or an index expression may belong
-- to a tenant. A trigger of a partition belongs to the partition. The counters include writes that
-- were rolled back and, for a second, those of earlier transactions of the session, so the caller
-- compares two counts. TRUNCATE lowers the counters of this transaction, but Postgres refuses it
-- while a trigger of the table is pending. Without counters (track_counts = off) every table counts
-- as written.
create or replace function howdah_private.tenant_trigger_writes() returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    with candidates as materialized (
      select t.tgrelid, t.tgfoid, t.tgconstrrelid,
        pg_stat_get_xact_tuples_inserted(t.tgrelid) + pg_stat_get_xact_tuples_updated(t.tgrelid)
          + pg_stat_get_xact_tuples_deleted(t.tgrelid) as writes
      from pg_trigger as t where t.tgdeferrable and t.tgenabled <> 'D'
    )
    select coalesce(json_object_agg(c.tgrelid, c.writes)::jsonb, '{}')
    from candidates as c
    where (c.writes > 0 or not current_setting('track_counts')::boolean) and exists (
      select from (
        select p.proowner from pg_proc as p where p.oid = c.tgfoid
        union
        select r.relowner from pg_class as r where r.oid in (c.tgrelid, c.tgconstrrelid)
      ) as o (role)
      where howdah_private.is_tenant_role(o.role))
  );
end $$;

-- Returns the state of the sandbox before a call: the versions of its functions, and
-- `tenant_trigger_writes`. A statement runs as the owner of these functions and could change them.
create or replace function howdah_private.sandbox_state() returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (select string_agg(concat_ws(' ', p.oid, p.xmin, p.ctid), ';' order by p.oid)
    from pg_catalog.pg_proc as p
    where p.proname in ('run_as_tool_role', 'write_bound')
      and p.pronamespace = 'howdah_private'::regnamespace)
    || '|' || howdah_private.tenant_trigger_writes();
end $$;

-- Refuses a call that left something which would act later with other privileges. Runs when the
-- session is the worker's again, before any statement of the worker.
create or replace function howdah_private.check_leftovers(state text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now text := howdah_private.sandbox_state();
  v_before jsonb := split_part(check_leftovers.state, '|', 2);
  v_reason text := case
    when split_part(v_now, '|', 1) is distinct from split_part(check_leftovers.state, '|', 1)
      then 'it changed a function of the sandbox: howdah_private.run_as_tool_role or write_bound'
    when current_setting('transaction_read_only') = 'on' then 'it made its transaction read only'
    else (
      select format('it wrote the table %s, which has a deferrable trigger or constraint '
        'that may run code of a tenant', w.key::oid::regclass)
      from jsonb_each_text(split_part(v_now, '|', 2)::jsonb) as w
      where not current_setting('track_counts')::boolean
        or w.value::bigint > coalesce((v_before ->> w.key)::bigint, 0)
      limit 1)
  end;
begin
  if v_reason is not null then
    raise exception using errcode = 'HWDEN',
      message = 'this call cannot be committed: ' || v_reason,
      hint = 'Tools and hooks share a transaction with their step, '
        'so nothing they leave may run in it later. '
        'On tables that tools write, make the triggers and constraints of tenants not deferrable.';
  end if;
end $$;
