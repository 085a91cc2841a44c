-- Returns the query of a search, whether it is stored with the search or in the step of its run. It
-- is stored once, so that it is encrypted and erased with the run.
create or replace function howdah.searches_query(search howdah.searches) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(search.query, (
    select p.input ->> 'query' from howdah.steps as p
    where p.execution_id = search.execution_id and p.seq = search.step_seq))
$$;
comment on function howdah.searches_query(howdah.searches) is
  E'@behavior -filterBy -orderBy\nReturns the query of a search of a person, an application or a '
  'run: select howdah.searches_query(s), s.created_at from howdah.searches as s. It is null for a '
  'run whose contents are encrypted or erased, and where no query may be stored.';
