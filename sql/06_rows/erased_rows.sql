-- Functions that delete rows, with a statement for each table, computed from the rules of tables:
-- rows that belong to runs or users and are worth nothing without their contents. Where the erasure
-- is by hand, something of the rows stays, or more has to be done.

-- Creates the function that deletes the rows of each table whose anchor is the run.
do $$
begin
  execute format($f$
create or replace function howdah_private.delete_rows_of_runs(ids uuid[]) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as %L$f$, (
    select string_agg(
      format(E'\n  delete from %s as t where t.execution_id = any ($1);', c.oid::regclass),
      '' order by r.object) || E'\n'
    from howdah_private.table_rules() as r
    join pg_catalog.pg_class as c on c.relname = r.object and c.relkind in ('r', 'p')
      and c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
    where r.anchor = 'run' and 'erasure' <> all (r.by_hand)));
end $$;

-- Creates the function that deletes the rows of each table of contents whose anchor is the user, or
-- the run: what a user says about a run, also of somebody else, ends with either. Definitions by
-- the user stay.
do $$
begin
  execute format($f$
create or replace function howdah_private.delete_rows_of_user(u howdah.users) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as %L$f$, coalesce((
    select string_agg(
      format(E'\n  delete from %s as t where t.tenant_id = $1.tenant_id and t.%I = $1.id;',
        p.relation, p.name),
      '' order by r.object) || E'\n'
    from howdah_private.table_rules() as r
    join howdah_private.person_columns() as p on p.object = r.object and p.is_id
    where r.anchor in ('user', 'run') and r.kind = 'content'
      and 'erasure' <> all (r.by_hand)), 'select'));
end $$;
