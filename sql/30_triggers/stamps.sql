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
