-- Up Migration
-- An empty search_path is not empty: pg_temp comes first in it, for types and relations. Whoever could make a domain
-- pg_temp.uuid had its check run with the rights of every function that declares a uuid.
do $$
declare
  v_routine regprocedure;
begin
  for v_routine in
    select p.oid from pg_catalog.pg_proc as p
    where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
      and 'search_path=""' = any (p.proconfig)
  loop
    execute pg_catalog.format('alter routine %s set search_path = pg_catalog, pg_temp', v_routine);
  end loop;
end $$;

-- Down Migration
select;
