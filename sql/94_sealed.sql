-- Refuses encrypted texts in everything that the application may write besides runs. Readers would
-- decrypt such a text where it stands, and whoever saves the row again would store the plain text.
-- The file runs after the grants, because the loop reads these columns from the catalogue, so no
-- column can be forgotten. Runs may have copies in their input and history (mark_copied_input), and
-- check_run looks at their metadata.
do $$
declare
  v_table record;
begin
  for v_table in
    select c.oid::regclass as name, string_agg(format('%I', a.attname), ', ' order by a.attnum)
        as columns,
      string_agg(quote_literal(a.attname), ', ' order by a.attnum) as arguments,
      string_agg(format('strpos(new.%I::text, ''howdah.sealed.v'') > 0', a.attname), ' or '
        order by a.attnum) as condition
    from pg_catalog.pg_class as c
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped
    where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
      and c.relowner = current_user::regrole and c.relname <> 'executions'
      and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype)
      and pg_catalog.has_column_privilege('howdah_app', c.oid, a.attnum, 'insert, update')
    group by c.oid
  loop
    execute format(
      'create or replace trigger _070_refuse_sealed before insert or update of %s on %s '
      'for each row when (%s) execute function howdah_private.tg__refuse_sealed(%s)',
      v_table.columns, v_table.name, v_table.condition, v_table.arguments);
  end loop;
end $$;
