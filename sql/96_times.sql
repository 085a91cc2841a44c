-- Refuses times that clients cannot read: infinity, years before 1 and years after 9999. Most
-- languages have no such times, and GraphQL has no value for them in a column that is never null.
--
-- One loop over the catalogue covers every time and date that the application may write, and every
-- `expires_at`, which functions write. The check is in the condition of the trigger, which costs
-- almost nothing. Existing rows stay until the time is written again.
do $$
declare
  v_table record;
begin
  for v_table in
    select c.oid::regclass as name, string_agg(format('%I', a.attname), ', ') as columns,
      string_agg(format('%L', a.attname), ', ') as arguments, c.relname,
      string_agg(format('new.%I not between ''0001-01-02'' and ''9999-12-30''', a.attname), ' or ')
        as condition
    from pg_catalog.pg_class as c
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
      and not a.attisdropped
    where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
      and c.relowner = current_user::regrole
      and a.atttypid in ('timestamptz'::regtype, 'timestamp'::regtype, 'date'::regtype)
      and (a.attname = 'expires_at'
        or pg_catalog.has_column_privilege('howdah_app', c.oid, a.attnum, 'insert, update'))
    group by c.oid
  loop
    execute format(
      'create or replace trigger _060_refuse_unreadable_time before insert or update of %s on %s '
      'for each row when (%s) execute function howdah_private.tg__refuse_unreadable_time(%L, %s)',
      v_table.columns, v_table.name, v_table.condition, v_table.relname, v_table.arguments);
  end loop;
end $$;
