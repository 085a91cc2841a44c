-- How large a value may be that the application writes. Behind the grants, because a loop gives every text, list and document it
-- may write a limit: by the column's name, else by its type. A row is looked at by the trigger's condition, which costs
-- next to nothing; the function is called only to say what is too large. `most` null: a check or trigger of the column's
-- own says it.
create or replace function howdah_private.size_limits()
  returns table (table_name text, column_name text, most int, unit text)
  language sql immutable parallel safe
  set search_path = ''
as $$
  values
    (null, 'name', 200, 'characters'),
    (null, 'slug', 200, 'characters'),
    (null, 'username', 200, 'characters'),
    (null, 'email', 320, 'characters'),
    (null, 'title', 500, 'characters'),
    (null, 'domain', 200, 'characters'),
    (null, 'provider', 200, 'characters'),
    (null, 'model', 500, 'characters'),
    (null, 'secret_name', 200, 'characters'),
    (null, 'function', 200, 'characters'),
    (null, 'base_url', 2000, 'characters'),
    (null, 'url', 2000, 'characters'),
    (null, 'callback_url', 2000, 'characters'),
    (null, 'cron', 200, 'characters'),
    (null, 'timezone', 100, 'characters'),
    (null, 'idempotency_key', 500, 'characters'),
    (null, 'description', 102400, 'bytes'),
    ('executions', 'input', null, null),
    ('executions', 'input_parts', null, null),
    ('schedules', 'input', null, null),
    ('resources', 'name', null, null),
    ('resources', 'sha256', null, null),
    ('resources', 'type', null, null),
    ('todos', 'note', null, null),
    ('todos', 'title', null, null),
    ('tools', 'name', null, null)
$$;

create or replace function howdah_private.tg__refuse_oversize() returns trigger
  language plpgsql volatile
  set search_path = ''
as $$
declare
  v_row jsonb := to_jsonb(new);
  v_size int;
begin
  for v_at in 0 .. tg_nargs - 1 by 3 loop
    v_size := case tg_argv[v_at + 2] when 'characters' then length(v_row ->> tg_argv[v_at])
      else octet_length(v_row ->> tg_argv[v_at]) end;
    if v_size > tg_argv[v_at + 1]::int then
      raise exception using errcode = 'HWINV',
        message = format('%s has %s %s, at most %s are allowed',
          tg_argv[v_at], v_size, tg_argv[v_at + 2], tg_argv[v_at + 1]),
        detail = jsonb_build_object('field', tg_argv[v_at], 'most', tg_argv[v_at + 1]::int,
          'unit', tg_argv[v_at + 2])::text,
        hint = 'Put large texts and files into howdah.resources and name them here.';
    end if;
  end loop;
  return new;
end $$;

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
      join pg_catalog.pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
      left join lateral (
        select x.* from howdah_private.size_limits() as x
        where x.column_name = a.attname and coalesce(x.table_name, c.relname) = c.relname
        order by x.table_name limit 1
      ) as l on true
      where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p')
        and a.atttypid in ('text'::regtype, 'text[]'::regtype, 'jsonb'::regtype)
        and pg_catalog.has_column_privilege('howdah_app', c.oid, a.attnum, 'insert, update')
    )
    select c.name, string_agg(format('%I', c.attname), ', ' order by c.attnum) as columns,
      string_agg(format('%L, %L, %L', c.attname, c.most, c.unit), ', ' order by c.attnum) as arguments,
      string_agg(format(case
        when c.type <> 'text' then '(pg_column_size(new.%1$I) > 1000 and octet_length(to_jsonb(new.%1$I)::text) > %2$s)'
        when c.unit = 'characters' then 'length(new.%1$I) > %2$s' else 'octet_length(new.%1$I) > %2$s'
      end, c.attname, c.most), ' or ' order by c.attnum) as condition
    from columns as c
    where c.most is not null
    group by c.name
  loop
    execute format(
      'create or replace trigger _060_refuse_oversize before insert or update of %s on %s for each row when (%s) '
      'execute function howdah_private.tg__refuse_oversize(%s)',
      v_table.columns, v_table.name, v_table.condition, v_table.arguments);
  end loop;
end $$;

revoke all on function howdah_private.size_limits(), howdah_private.tg__refuse_oversize() from public;
