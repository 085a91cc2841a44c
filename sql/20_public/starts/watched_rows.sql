-- Returns the table of a watch of this tenant. Returns null if the watch or its table is gone.
create or replace function howdah_private.own_watched_table(watch_id uuid) returns regclass
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.watched_table(w.id) from howdah.table_triggers as w
  where w.id = own_watched_table.watch_id and w.tenant_id = howdah.current_tenant()
$$;

-- Builds the statement that reads the row of a watch, with the columns that the caller may read. $1
-- of the statement is {"key": row_key}. Returns null if the watch or its table is gone, if the
-- caller may not read the key, or if the key no longer identifies a row.
create or replace function howdah_private.current_row_statement(watch_id uuid) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select format('select to_jsonb(r.*) from (select %s from %s as t where %s limit 1) as r',
    string_agg(format('t.%I', a.attname), ', ' order by a.attnum), c.oid::regclass,
    howdah_private.row_key_condition(c.oid, w.key_columns))
  from howdah.table_triggers as w
  join pg_catalog.pg_class as c on c.oid = howdah_private.own_watched_table(w.id)
  join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  cross join howdah_private.primary_key_of(c.oid) as k (columns)
  where w.id = current_row_statement.watch_id
    and k.columns <> '{}' and k.columns <@ w.key_columns
    and has_schema_privilege(c.relnamespace, 'usage')
    and has_column_privilege(c.oid, a.attnum, 'select')
  group by c.oid, w.key_columns
  having w.key_columns <@ array_agg(a.attname::text)
$$;

-- Reads the row of a user's table that a run of a watch is about, as the caller: with the columns
-- that the caller may read, under the row-level security of the table.
create or replace function howdah.watched_rows_current_row(watched_row howdah.watched_rows)
  returns jsonb
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_statement text := howdah_private.current_row_statement(watched_row.table_trigger_id);
  v_row jsonb;
begin
  if v_statement is not null then
    execute v_statement into v_row using jsonb_build_object('key', watched_row.row_key);
  end if;
  return case when octet_length(v_row::text) <= 65536 then v_row end;
end $$;
comment on function howdah.watched_rows_current_row(howdah.watched_rows) is
  E'@behavior -filterBy -orderBy\nThe row of the watched table as it is now: the columns that the '
  'caller may read. Null if the caller may not read the row or its key, if the row is gone, or if '
  'it has more than 64 kB.';
