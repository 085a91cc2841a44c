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
-- the user stay. The function returns the number of rows by table.
do $$
begin
  execute format($f$
create or replace function howdah_private.delete_rows_of_user(u howdah.users) returns jsonb
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as %L$f$, E'
declare
  v_counts jsonb := \'{}\';
  v_count bigint;
begin' || coalesce((
    select string_agg(
      format(E'
  delete from %1$s as t where t.tenant_id = u.tenant_id and t.%2$I = u.id;
  get diagnostics v_count = row_count;
  v_counts := v_counts || jsonb_build_object(%3$L, v_count);',
        p.relation, p.name, r.object),
      '' order by r.object)
    from howdah_private.table_rules() as r
    join howdah_private.person_columns() as p on p.object = r.object and p.is_id
    where r.anchor in ('user', 'run') and r.kind = 'content'
      and 'erasure' <> all (r.by_hand)), '') || E'
  return v_counts;
end ');
end $$;
