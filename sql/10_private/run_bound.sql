-- Runs one statement that is not ours as howdah_tool, to whom it belongs: inside a security definer function Postgres
-- refuses `set role` and `set session authorization`, in every form. `path` is where the statement finds names. What is
-- deferred to the commit is done before it returns: there it would run as whoever commits.
create or replace function howdah_private.run_bound(statement text, argument jsonb, path text)
  returns setof text
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform set_config('search_path', run_bound.path, true);
  return query execute run_bound.statement using run_bound.argument;
  set constraints all immediate;
end $$;

-- The same as howdah_writer: an answer of a watched table is written, and what the table's own triggers and types do then has
-- no other rights.
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

-- How these functions stand now. They belong to whom they hold, who might change them: then they stand differently afterwards.
create or replace function howdah_private.bound_state() returns text
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  return (select string_agg(concat_ws(' ', p.oid, p.xmin, p.ctid), ';' order by p.oid) from pg_catalog.pg_proc as p
    where p.proname in ('run_bound', 'write_bound') and p.pronamespace = 'howdah_private'::regnamespace);
end $$;

-- Asked when the session is the worker's again, before anything of its own: what a statement left that would act later,
-- with other rights. A deferred trigger runs as who commits (up to PostgreSQL 17), or in his session, and
-- one that defers itself again is still there.
create or replace function howdah_private.refuse_leftovers(state text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp set plan_cache_mode = force_generic_plan
as $$
declare
  -- by an index, where pg_proc has none; there are hardly ever any
  v_functions oid[] := array(
    select d.objid from pg_catalog.pg_shdepend as d
    where d.refclassid = 'pg_catalog.pg_authid'::regclass
      and d.refobjid in ('howdah_tool'::regrole, 'howdah_writer'::regrole, 'howdah_app'::regrole) and d.deptype = 'o'
      and d.classid = 'pg_catalog.pg_proc'::regclass
      and d.dbid = (select b.oid from pg_catalog.pg_database as b where b.datname = current_database())
      and d.objid <> all (array(select split_part(s.state, ' ', 1)::oid from string_to_table(refuse_leftovers.state, ';') as s (state)))
  );
  v_reason text := case
    when howdah_private.bound_state() is distinct from refuse_leftovers.state
      then 'it changed a function of the sandbox: howdah_private.run_bound or write_bound'
    when current_setting('transaction_read_only') = 'on' then 'it made its transaction read only'
    when v_functions <> '{}' and exists (
      select from pg_catalog.pg_trigger as t
      where t.tgfoid = any (v_functions) and t.tgdeferrable and not t.tgisinternal
    ) then 'there is a deferrable trigger whose function belongs to the application'
  end;
begin
  if v_reason is not null then
    raise exception using errcode = 'HWDEN', message = 'this call cannot be committed: ' || v_reason,
      hint = 'Tools and hooks share a transaction with their step: nothing they leave may act in it.';
  end if;
end $$;
