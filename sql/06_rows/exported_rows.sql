-- Creates the function that returns the rows of a user as documents, without secrets and files:
-- those of each table whose rule names a kind of document (`exported`). A column with the id of a
-- user decides whose row it is; without one, the username does.
do $$
begin
  execute format($f$
create or replace function howdah_private.exported_rows(u howdah.users, redact boolean)
  returns setof jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as %L$f$, (
    select E'\nbegin' || string_agg(format(
      E'\n  return query select howdah_private.exported_row(%L, to_jsonb(t)%s, %L,'
      '\n      exported_rows.redact)'
      '\n    from %s as t where t.tenant_id = u.tenant_id and %s order by t.id;',
      r.exported, (
        select ' - ' || quote_literal(array_agg(k.name order by k.name)) || '::text[]'
        from howdah_private.classified_columns() as k
        where k.relation = p.relation and k.class in ('secret', 'bytes') having count(*) > 0
      ), p.relation, p.relation,
      format(case when p.is_id then 't.%I = u.id' else 't.%I = u.username' end, p.name)),
      '' order by r.exported) || E'\nend '
    from howdah_private.table_rules() as r
    cross join lateral (
      select c.* from howdah_private.person_columns() as c
      where c.object = r.object order by c.is_id desc, c.name limit 1
    ) as p
    where r.exported is not null));
end $$;
