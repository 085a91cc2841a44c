-- Creates the functions that replace the name of a user in each column with usernames.
-- rename_author belongs to the eraser, who may change versions and runs; rename_creator changes all
-- other tables.
do $$
declare
  v_author text;
  v_creator text;
begin
  select string_agg(s.statement, E'\n' order by s.statement) filter (where s.is_for_eraser),
    string_agg(s.statement, E'\n' order by s.statement) filter (where not s.is_for_eraser)
  into v_author, v_creator
  from (
    select r.kind = 'log' and 'eraser' = any (r.policies) as is_for_eraser,
      format(E'  update %1$s as t set %2$I = $3\n  where t.tenant_id = $1 and t.%2$I = $2;',
        p.relation, p.name) as statement
    from howdah_private.person_columns() as p
    join howdah_private.table_rules() as r on r.object = p.object
    where not p.is_id and 'names' <> all (r.by_hand)
  ) as s;
  execute format($f$
create or replace function howdah_private.rename_author(tenant_id uuid, name text, new_name text)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as %L$f$, E'\n' || v_author || E'\n');
  execute format($f$
create or replace function howdah_private.rename_creator(tenant_id uuid, name text, new_name text)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as %L$f$, E'\n' || v_creator || E'\n');
end $$;
