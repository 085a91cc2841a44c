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

-- How that function stands now. It belongs to whom it holds, who might change it: then it stands differently afterwards.
create or replace function howdah_private.bound_state() returns text
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(' ', p.xmin, p.ctid) from pg_catalog.pg_proc as p
  where p.oid = to_regprocedure('howdah_private.run_bound(text, jsonb, text)')
$$;

-- Asked when the session is the worker's again, before anything of its own: what a statement left that would act later,
-- with other rights. Up to PostgreSQL 17 a deferred trigger runs as who commits, and one that defers itself again is
-- still there.
create or replace function howdah_private.refuse_leftovers(state text) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when howdah_private.bound_state() is distinct from refuse_leftovers.state
      then 'it changed howdah_private.run_bound'
    when current_setting('transaction_read_only') = 'on' then 'it made its transaction read only'
    when exists (
      select from pg_catalog.pg_trigger as t join pg_catalog.pg_proc as p on p.oid = t.tgfoid
      where t.tgdeferrable and not t.tgisinternal
        and p.proowner in ('howdah_tool'::regrole, 'howdah_app'::regrole)
    ) then 'there is a deferrable trigger whose function belongs to the application'
  end;
begin
  if v_reason is not null then
    raise exception using errcode = 'HWDEN', message = 'this call cannot be committed: ' || v_reason,
      hint = 'Tools and hooks share a transaction with their step: nothing they leave may act in it.';
  end if;
end $$;
