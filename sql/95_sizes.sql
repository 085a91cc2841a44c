-- Limits the size of every text, list and document that the application may write, and the levels
-- of a document (`is_deep`). The file runs after the grants, because the loop reads these columns
-- from the catalogue, so no column can be forgotten. The check is in the condition of the trigger,
-- which costs almost nothing.
do $$
declare
  v_table record;
begin
  for v_table in
    with columns as (
      select c.oid::regclass as name, a.attname, a.attnum, a.atttypid::regtype::text as type,
        case when l.column_name is not null then l.most
          when a.atttypid = 'text[]'::regtype then 102400 else 1048576 end as most,
        coalesce(l.unit, 'bytes') as unit
      from pg_catalog.pg_class as c
      join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0
        and not a.attisdropped
      left join lateral (
        select x.* from howdah_private.size_limits() as x
        where x.column_name = a.attname and coalesce(x.table_name, c.relname) = c.relname
        order by x.table_name limit 1
      ) as l on true
      where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
        and c.relowner = current_user::regrole
        and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype)
        and pg_catalog.has_column_privilege('howdah_app', c.oid, a.attnum, 'insert, update')
    )
    select c.name, string_agg(format('%I', c.attname), ', ' order by c.attnum) as columns,
      string_agg(format('%L, %L, %L', c.attname, c.most, c.unit), ', '
        order by c.attnum) as arguments,
      string_agg(format(case
        when c.type = 'jsonb'
          then '(pg_column_size(new.%1$I) > 500 and (octet_length(new.%1$I::text) > %2$s'
            ' or jsonb_path_exists(new.%1$I, ''strict $.**{101}'')))'
        when c.type = 'text[]'
          then '(pg_column_size(new.%1$I) > 1000 and octet_length(to_jsonb(new.%1$I)::text) > %2$s)'
        when c.unit = 'characters' then 'length(new.%1$I) > %2$s'
        else 'octet_length(new.%1$I) > %2$s'
      end, c.attname, c.most), ' or ' order by c.attnum) as condition
    from columns as c
    where c.most is not null
    group by c.name
  loop
    execute format(
      'create or replace trigger _060_refuse_oversize before insert or update of %s on %s '
      -- encrypted texts are longer
      'for each row when (current_user <> ''howdah_eraser'' and (%s)) '
      'execute function howdah_private.tg__refuse_oversize(%s)',
      v_table.columns, v_table.name, v_table.condition, v_table.arguments);
  end loop;
end $$;
