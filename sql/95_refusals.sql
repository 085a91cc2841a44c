-- Refuses rows that break a rule, with the field and a hint, before Postgres reports the name of a
-- constraint, for psql, programs and the API alike:
--   time     infinite, or outside the years 1 to 9999: most languages have no such time
--   size     a text, list or document over its maximum (size_limits), or over 100 levels deep
--   sealed   an encrypted text of a run, which readers would decrypt where it stands
--   missing  no value for a required column
--   check    a violated check; the comment of the check (61_check_hints.sql) is the hint
--   name     a name or key that is not one line of visible text; a name also has no invisible
--            character, so that two names never look the same because of it
--
-- Each table has one function and one trigger, generated from the catalogue, so that no column and
-- no check can be forgotten. The file runs after the grants, since times, sizes and encrypted texts
-- concern the columns that the application may write. The trigger sees rows as the other triggers
-- left them, so that a more specific error comes first, and the checks still decide. A value that
-- a row had before stays until it is replaced, except that checks apply to it as ever.
--
-- Where runs write steps, questions, versions and the audit log, each step would pay for it: the
-- functions that write there check (`checks` by hand in table_rules). New runs are checked as they
-- are prepared (tg_executions__prepare), so the trigger of executions is for updates by hand.
do $$
declare
  v_path text := current_setting('search_path');
  v_table record;
begin
  -- every name from here on is qualified
  perform set_config('search_path', 'pg_catalog, pg_temp', true);
  for v_table in
    with columns as (
      select c.oid as relation, c.relname as table_name, a.attnum as number, a.attname as name,
        a.atttypid::regtype::text as type, a.attgenerated <> '' as is_generated,
        a.attnotnull and not a.atthasdef as is_required,
        has_column_privilege('howdah_app', c.oid, a.attnum, 'insert, update') as is_written,
        exists (
          select from pg_index as i
          join pg_class as x on x.oid = i.indexrelid join pg_am as m on m.oid = x.relam
          where i.indrelid = c.oid and a.attnum = any (i.indkey) and m.amname = 'btree'
        ) as is_indexed,
        exists (
          select from howdah_private.table_rules() as r
          where r.object = c.relname and 'checks' = any (r.by_hand)) as is_checked_by_hand
      from pg_class as c join pg_attribute as a on a.attrelid = c.oid
      where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
        and c.relowner = current_user::regrole and a.attnum > 0 and not a.attisdropped
    ),
    sizes as (
      select k.*, case when l.column_name is not null then l.most
          when k.type = 'text[]' then 102400
          when k.type = 'text' and k.is_indexed then 2000 -- an entry has at most 2,704 bytes
          else 1048576 end as most,
        coalesce(l.unit, 'bytes') as unit
      from columns as k
      left join lateral (
        select x.* from howdah_private.size_limits() as x
        where x.column_name = k.name and coalesce(x.table_name, k.table_name) = k.table_name
        order by x.table_name limit 1
      ) as l on true
      where k.is_written and k.type in ('text', 'text[]', 'jsonb')
    ),
    -- the column or check that a rule is about, its other columns, and the condition of a fault
    rules (relation, place, kind, name, keys, arguments, condition) as (
      select k.relation, 1, 'time', k.name, array[k.number], null, format(
        'n.%1$I not between ''0001-01-02'' and ''9999-12-30'' and n.%1$I is distinct from old.%1$I',
        k.name)
      from columns as k
      where k.type in ('timestamp with time zone', 'timestamp without time zone', 'date')
        and (k.name = 'expires_at' or k.is_written)
      union all
      select s.relation, 2, 'size', s.name, array[s.number], format(', %L, %L', s.most, s.unit),
        format(case
          when s.type = 'jsonb' then 'pg_column_size(n.%1$I) > 500 and n.%1$I is distinct from '
            'old.%1$I and (octet_length(n.%1$I::text) > %2$s '
            'or jsonb_path_exists(n.%1$I, ''strict $.**{101}''))'
          when s.type = 'text[]' then 'pg_column_size(n.%1$I) > 1000 and n.%1$I is distinct from '
            'old.%1$I and octet_length(to_jsonb(n.%1$I)::text) > %2$s'
          when s.unit = 'characters' then 'length(n.%1$I) > %2$s and n.%1$I is distinct from '
            'old.%1$I'
          else 'octet_length(n.%1$I) > %2$s and n.%1$I is distinct from old.%1$I'
        end || ' and current_user <> ''howdah_eraser''', s.name, s.most) -- which encrypts
      from sizes as s where s.most is not null
      union all
      select s.relation, 3, 'sealed', s.name, array[s.number], null, format(
        'strpos(n.%1$I::text, ''howdah.sealed.v'') > 0 and n.%1$I is distinct from old.%1$I',
        s.name)
      from sizes as s where s.table_name <> 'executions' -- may contain copies (mark_copied_input)
      union all
      select k.relation, 4, 'missing', k.name, array[k.number], null,
        format('n.%I is null', k.name)
      from columns as k where k.is_required and not k.is_checked_by_hand
      union all
      -- generated columns have no value yet in a before trigger
      select c.conrelid, 5, 'check', c.conname, c.conkey, null,
        format('not %s', pg_get_expr(c.conbin, c.conrelid))
      from pg_constraint as c
      where c.contype = 'c'
        and c.conrelid in (select k.relation from columns as k where not k.is_checked_by_hand)
        and not exists (
          select from columns as k
          where k.relation = c.conrelid and k.number = any (c.conkey) and k.is_generated)
      union all
      select k.relation, 6, 'name', k.name, array[k.number], null, format(
        'n.%1$I is distinct from old.%1$I and howdah_private.%2$I(n.%1$I) is not null',
        k.name, case when k.name in ('name', 'username') then 'name_fault' else 'line_fault' end)
      from columns as k
      where k.name in ('name', 'username') and k.type = 'text' and k.table_name <> 'steps'
        and not exists ( -- this column has a more specific check
          select from howdah_private.size_limits() as x
          where x.table_name = k.table_name and x.column_name = k.name and x.most is null
        )
        -- a key that no run can have would limit nothing
        or (k.table_name, k.name) in (('limits', 'key'), ('schedules', 'concurrency_key'))
    )
    select c.relname as name,
      string_agg(format(E'\n    when %s%s then array[%L, %L%s]', r.condition,
        -- the key of a model or tool is a name that exists
        case when (c.relname, r.kind) = ('limits', 'name') then ' and n.scope = ''key''' end,
        r.kind, r.name, r.arguments), '' order by r.place, r.name) as lines,
      (
        select string_agg(quote_ident(k.name), ', ' order by k.number) from columns as k
        where k.relation = c.oid and exists (
          select from rules as o where o.relation = c.oid and k.number = any (o.keys))
      ) as columns
    from rules as r join pg_class as c on c.oid = r.relation
    group by c.oid, c.relname
  loop
    execute format(
      'create or replace function howdah_private.%1$I() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as %2$L;
revoke all on function howdah_private.%1$I() from public;
grant execute on function howdah_private.%1$I() to howdah_engine',
      format('tg_%s__refuse_invalid', v_table.name),
      format('
declare
  v_fault text[];
begin
  select case%s
  end into v_fault from (select new.*) as n;
  if v_fault is not null then
    perform howdah_private.raise_fault(tg_relid, v_fault, to_jsonb(new));
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
