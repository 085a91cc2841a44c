-- Refuses rows that violate a check, before the check itself does. Postgres reports only the name
-- of a check. These triggers raise HWINV with the fields, and with the comment of the check
-- (61_check_hints.sql) as the hint, for psql, programs and the API alike. A missing value of a
-- required column is reported in the same way.
--
-- The triggers see rows as the other triggers left them, and the checks still decide. Each table
-- has one trigger, generated from the catalogue, so that no check can be forgotten. Tables that
-- runs write have none, because every step would pay for it; triggers of their own refuse what
-- others write there. That of executions is only for updates by hand.
do $$
declare
  v_path text := current_setting('search_path');
  v_table record;
begin
  -- every name from here on is qualified
  perform set_config('search_path', 'pg_catalog, pg_temp', true);
  for v_table in
    with columns as (
      select a.attrelid, a.attnum, a.attname, a.attnotnull and not a.atthasdef as is_required,
        a.attgenerated <> '' as is_generated
      from pg_attribute as a join pg_class as c on c.oid = a.attrelid
      where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
        and c.relowner = current_user::regrole
        and a.attnum > 0 and not a.attisdropped
        and c.relname not in ('steps', 'messages', 'questions',
          'agent_versions', 'audit_log')
    ),
    rules as (
      select k.attrelid, array[k.attnum] as keys,
        format('n.%I is null then array[null, %L]', k.attname, k.attname) as line,
        0 as place, k.attname as name
      from columns as k where k.is_required
      union all
      -- generated columns have no value yet in a before trigger
      select c.conrelid, c.conkey,
        format('not %s then array[%L, null]', pg_get_expr(c.conbin, c.conrelid), c.conname),
        1, c.conname
      from pg_constraint as c
      where c.contype = 'c' and c.conrelid in (select k.attrelid from columns as k) and not exists (
        select from columns as k where k.attrelid = c.conrelid and k.attnum = any (c.conkey)
          and k.is_generated
      )
    )
    select c.relname as name,
      string_agg(E'\n    when ' || r.line, '' order by r.place, r.name) as lines, (
      select string_agg(quote_ident(k.attname), ', ' order by k.attnum) from columns as k
      where k.attrelid = c.oid and exists (
        select from rules as o where o.attrelid = c.oid and k.attnum = any (o.keys)
      )
    ) as columns
    from rules as r join pg_class as c on c.oid = r.attrelid
    group by c.oid, c.relname
  loop
    execute format(
      'create or replace function howdah_private.%I() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as %L',
      format('tg_%s__refuse_invalid', v_table.name),
      format('
declare
  v_refused text[];
begin
  select case%s
  end into v_refused from (select new.*) as n;
  if v_refused is not null then
    perform howdah_private.refuse_row(tg_relid, v_refused[1], v_refused[2]);
  end if;
  return new;
end ', v_table.lines));
    execute format(
      'create or replace trigger _990_refuse_invalid before %s update of %s on howdah.%I '
      'for each row %s execute function howdah_private.%I()',
      case when v_table.name <> 'executions' then 'insert or' end, v_table.columns, v_table.name,
      case when v_table.name = 'executions'
        then 'when (current_user not in (''howdah_engine'', ''howdah_eraser''))' end,
      format('tg_%s__refuse_invalid', v_table.name));
  end loop;
  perform set_config('search_path', v_path, true);
end $$;
