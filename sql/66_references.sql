-- Refuses references to missing rows, and deletions of rows in use, before the foreign keys do.
-- Postgres reports only the name of a constraint. In the tables of definitions
-- (table_rules) these triggers raise HWNTF with the field and where to look, or HWCNF
-- with the rows that use the row, in the same form as 95_refusals.sql.
--
-- The foreign keys still decide, also in a race that gets past these triggers. The triggers run at
-- the end of the statement, like the keys, and before them: triggers fire in the order of their
-- names, so "000_" precedes RI_ConstraintTrigger. A row of another tenant is reported as missing,
-- with the same text.
do $$
declare
  v_path text := current_setting('search_path');
  v_table record;
begin
  -- every name from here on is qualified
  perform set_config('search_path', 'pg_catalog, pg_temp', true);
  for v_table in
    with tables as (
      select c.oid, c.relname as name from pg_class as c
      join howdah_private.table_rules() as r on r.object = c.relname and r.kind = 'definition'
      where c.relnamespace = 'howdah'::regnamespace
    ),
    keys as (
      select f.conname, f.conrelid, f.confrelid, f.confdeltype, r.relname as referencing,
        t.relname as referenced, (
          select string_agg(format('r.%I = %%1$s.%I', b.attname, a.attname), ' and '
            order by k.place)
          from unnest(f.conkey, f.confkey) with ordinality as k (own, other, place)
          join pg_attribute as a on a.attrelid = f.conrelid and a.attnum = k.own
          join pg_attribute as b on b.attrelid = f.confrelid and b.attnum = k.other
        ) as is_named,
        (
          select string_agg(format('r.%I = old.%I', a.attname, b.attname), ' and ' order by k.place)
          from unnest(f.conkey, f.confkey) with ordinality as k (own, other, place)
          join pg_attribute as a on a.attrelid = f.conrelid and a.attnum = k.own
          join pg_attribute as b on b.attrelid = f.confrelid and b.attnum = k.other
        ) as is_naming,
        array(
          select a.attname from unnest(f.conkey) with ordinality as k (own, place)
          join pg_attribute as a on a.attrelid = f.conrelid and a.attnum = k.own
          where a.attname <> 'tenant_id' order by k.place
        ) as fields
      from pg_constraint as f
      join pg_class as r on r.oid = f.conrelid
      join pg_class as t on t.oid = f.confrelid
      where f.contype = 'f' and not f.condeferrable and f.conparentid = 0
        and r.relnamespace = 'howdah'::regnamespace and t.relnamespace = 'howdah'::regnamespace
    )
    select t.name, (
        select string_agg(format(E'\n  if %s
    and not exists (select from howdah.%I as r where %s) then
    perform howdah_private.raise_unknown(%L, %L, %L, %s, %L);\n  end if;',
          (select string_agg(format('new.%I is not null', n.field), ' and ')
            from unnest(k.fields) as n (field)),
          k.referenced, format(k.is_named, 'new'), k.referencing, k.fields[1], k.referenced,
          format('new.%I::text', k.fields[1]), k.conname), '' order by k.conname)
        from keys as k where k.conrelid = t.oid and cardinality(k.fields) > 0
      ) as named, (
        select string_agg(distinct quote_ident(n.field), ', ')
        from keys as k cross join unnest(k.fields) as n (field) where k.conrelid = t.oid
      ) as columns, (
        select string_agg(format(E'\n  if exists (select from howdah.%I as r where %s) then
    perform howdah_private.raise_used(%L, %L, %L);\n  end if;', k.referencing,
          k.is_naming, k.referenced, k.referencing, k.conname), '' order by k.conname)
        from keys as k where k.confrelid = t.oid and k.confdeltype = 'r'
      ) as used
    from tables as t
    where exists (select from keys as k
      where k.conrelid = t.oid and cardinality(k.fields) > 0
        or k.confrelid = t.oid and k.confdeltype = 'r')
  loop
    execute format('create or replace function howdah_private.%I() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as %L', format('tg_%s__check_references', v_table.name),
      format(E'\nbegin%s%s\n  return null;\nend ', E'\n  if tg_op = ''DELETE'' then'
        || v_table.used || E'\n    return null;\n  end if;', v_table.named));
    execute format(
      'create or replace trigger "000_check_references" after %s on howdah.%I for each row '
      'execute function howdah_private.%I()',
      concat_ws(' or ', 'insert or update of ' || v_table.columns,
        case when v_table.used is not null then 'delete' end),
      v_table.name, format('tg_%s__check_references', v_table.name));
  end loop;
  perform set_config('search_path', v_path, true);
end $$;
