-- Creates permission_rows(), the permissions, from the rules of the tables: the least role for an
-- action on the rows of a table. Every table that the application writes has one action besides
-- `read`. A table whose rows start runs later also has `run`: its rows need both. Triggers
-- (30_triggers/permissions.sql) and public functions check this. With by_agent, a grant on the
-- agent of the row also allows the action. The created function contains the rows as values, since
-- each statement that writes calls it.
do $$
begin
  execute format($f$
create or replace function howdah_private.permission_rows()
  returns table (object text, action text, role howdah.user_role, by_agent boolean)
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as %L$f$, (
    select E'\n  values' || string_agg(
      format(E'\n    (%L, %L, %L::howdah.user_role, %L::boolean)',
        r.object, a.action, a.role, a.by_agent),
      ',' order by r.object, a.action) || E'\n'
    from howdah_private.table_rules() as r
    cross join lateral (
      select w.action, r.role, r.by_agent from unnest(r.writing) as w (action)
      union all
      select 'read', r.reading, false where r.reading is not null
    ) as a (action, role, by_agent)));
end $$;
