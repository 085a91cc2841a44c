-- Sets updated_at of each changed row, in every table with that column. Tables whose rows have
-- another time, or keep it when the engine changes them, have a trigger of their own in this folder
-- (`stamp` in table_rules).
do $$
declare
  v_table name;
begin
  for v_table in
    select c.relname from pg_catalog.pg_class as c
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attname = 'updated_at'
    where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
      and c.relowner = current_user::regrole and not exists (
        select from howdah_private.table_rules() as r
        where r.object = c.relname and 'stamp' = any (r.by_hand))
  loop
    execute format('create or replace trigger _100_stamp before update on howdah.%I '
      'for each row execute function howdah_private.tg__stamp()', v_table);
  end loop;
end $$;

-- Sets user_id of each new row to the caller, in every table that callers write without that
-- column. A migration cannot do so by a default, since the function is created after it.
do $$
declare
  v_table name;
begin
  for v_table in
    select r.object from howdah_private.table_rules() as r
    join howdah_private.written_columns() as w on w.object = r.object
    join howdah_private.classified_columns() as k on k.object = r.object and k.name = 'user_id'
    join pg_catalog.pg_attribute as a on a.attrelid = k.relation and a.attname = k.name
    where r.kind in ('definition', 'content') and a.attgenerated = ''
      and w.columns || w.first <> '{}' and 'user_id' <> all (w.columns || w.first)
  loop
    execute format('create or replace trigger _200_set_user before insert on howdah.%I '
      'for each row execute function howdah_private.tg__set_user()', v_table);
  end loop;
end $$;
