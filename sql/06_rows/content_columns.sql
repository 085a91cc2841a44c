-- Creates the function that returns the columns of a table with texts of people and models, which
-- redacted exports leave out. It has a line for each table, since exports call it for each row. The
-- view messages has the columns of message_log. All columns of an unknown table are contents.
do $$
begin
  execute format($f$
create or replace function howdah_private.content_columns(relation regclass) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as %L$f$, (
    select E'\n  select case content_columns.relation' || string_agg(
      format(E'\n    when %L::regclass then %L::text[]', t.name, t.columns), '' order by t.name)
      || E'
    else array(select a.attname::text from pg_catalog.pg_attribute as a
      where a.attrelid = content_columns.relation and a.attnum > 0)
    end\n'
    from (
      select case k.object when 'message_log' then 'howdah.messages'
          else format('howdah.%I', k.object) end as name,
        coalesce(array_agg(k.name order by k.name) filter (
          where coalesce(k.class, 'content') not in ('none', 'person')
            and t.typcategory not in ('N', 'B', 'D', 'T', 'E') -- numbers, booleans, times, enums
            and coalesce(nullif(t.typbasetype, 0), nullif(t.typelem, 0), t.oid) <> 'uuid'::regtype
        ), '{}') as columns
      from howdah_private.classified_columns() as k
      join pg_catalog.pg_class as c on c.oid = k.relation
      join pg_catalog.pg_type as t on t.oid = k.type
      where c.relnamespace = 'howdah'::regnamespace or k.object = 'message_log'
      group by k.object
    ) as t));
end $$;
