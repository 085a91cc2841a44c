-- Renames duplicate columns of a row (`name`, `name (2)`), because a JSON parser keeps only one of
-- two equal keys. Returns null if all names are distinct.
create or replace function howdah_private.rename_duplicate_columns(row_as_json json) returns json
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select json_object_agg(case c.nth when 1 then c.key else format('%s (%s)', c.key, c.nth) end,
    c.value order by c.place)
  from (
    select e.key, e.value, e.place, row_number() over (partition by e.key order by e.place) as nth
    from json_each(rename_duplicate_columns.row_as_json) with ordinality as e (key, value, place)
  ) as c
  having max(c.nth) > 1
$$;

-- Checks the list of schemas against the plan of Postgres, in addition to the check of the text.
-- Each table must be in one of the schemas, or be read by a view, a policy or a partitioned table
-- in one. Returns a table that is not.
create or replace function howdah_private.table_outside_schemas(plan json, schemas text[])
  returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with recursive read_tables as (
    -- by name and not by to_regclass: a view may read a schema that the caller may not use
    select distinct c.oid
    from jsonb_path_query(table_outside_schemas.plan::jsonb,
      'strict $.** ? (exists (@."Relation Name"))') as p (node)
    join pg_namespace as n on n.nspname = p.node ->> 'Schema'
    join pg_class as c on (c.relnamespace, c.relname) = (n.oid, (p.node ->> 'Relation Name')::name)
  ),
  readers as (
    select d.refobjid as oid, r.ev_class as reader from pg_depend as d
    join pg_rewrite as r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
    where d.refclassid = 'pg_class'::regclass
    union all
    select d.refobjid, p.polrelid from pg_depend as d
    join pg_policy as p on p.oid = d.objid and d.classid = 'pg_policy'::regclass
    where d.refclassid = 'pg_class'::regclass
    union all
    select i.inhrelid, i.inhparent from pg_inherits as i
  ),
  reached (start, oid) as (
    select t.oid, t.oid from read_tables as t
    union
    select x.start, r.reader from reached as x join readers as r on r.oid = x.oid
  )
  select t.oid::regclass::text from read_tables as t
  where not exists (
    select from reached as x
    join pg_class as c on c.oid = x.oid join pg_namespace as n on n.oid = c.relnamespace
    where x.start = t.oid and n.nspname = any (table_outside_schemas.schemas)
  )
  limit 1
$$;

-- Refuses a plan that reads a table outside of the schemas.
create or replace function howdah_private.check_query_schemas(plan json, schemas text[])
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table constant text := howdah_private.table_outside_schemas(check_query_schemas.plan,
    check_query_schemas.schemas);
begin
  if v_table is not null then
    raise exception using errcode = 'HWDEN',
      -- through a view: a direct name was refused before
      message = 'the query reads a table that is in none of the schemas this tool may read',
      hint = 'The schemas it may read: ' || array_to_string(schemas, ', ');
  end if;
end $$;

-- Runs one SELECT of a model. `howdah_bounded` comes before pg_catalog, so that names of functions
-- that make long values mean the bounded ones. A row becomes JSON only if it is small enough as it
-- is, since JSON of long values takes a multiple of their memory. A cursor accepts exactly one
-- statement, which must be a SELECT, and EXPLAIN runs through a cursor too. `cut_by` is the reason
-- for missing rows: `rows` or `bytes`.
create or replace function howdah_private.rows_of_query(
  query text, path text, schemas text[], max_rows int, max_bytes int, max_cost float8
) returns table (rows text[], cut_by text)
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_query text := format(
    E'select case when pg_catalog.pg_column_size(r.*) <= %s then pg_catalog.to_json(r.*) end '
    'as value from (%s\n) as r limit %s',
    max_bytes + 65536, query, max_rows + 1);
  v_plan json;
  v_row json;
  v_rows refcursor;
  v_cost float8;
  v_bytes bigint := 0;
begin
  rows := '{}';
  perform set_config('search_path', 'howdah_bounded, pg_catalog, ' || rows_of_query.path, true);
  for v_plan in execute 'explain (verbose, format json) ' || v_query loop
    if schemas is not null then
      perform howdah_private.check_query_schemas(v_plan, schemas);
    end if;
    v_cost := pg_catalog.json_extract_path_text(v_plan, '0', 'Plan', 'Total Cost');
  end loop;
  if v_cost > max_cost then
    raise exception using errcode = 'HWINV',
      message = format('the query is too expensive: its plan costs %s, at most %s are allowed',
        round(v_cost), max_cost),
      hint = 'Join tables by their keys, narrow them by WHERE, and ask for less at once.';
  end if;
  open v_rows for execute v_query;
  loop
    fetch v_rows into v_row; -- one by one: a loop over the query prefetches fifty rows of any size
    exit when not found;
    if v_row is null then -- too large
      cut_by := 'bytes';
      exit;
    end if;
    v_bytes := v_bytes + octet_length(v_row::text);
    v_row := coalesce(howdah_private.rename_duplicate_columns(v_row), v_row);
    cut_by := case when cardinality(rows) = max_rows then 'rows'
      when v_bytes > max_bytes then 'bytes' end;
    exit when cut_by is not null;
    rows := rows || v_row::text;
  end loop;
  return next;
end $$;

-- Runs rows_of_query as howdah_reader, the owner of this function, which can write nothing: inside
-- a security definer function Postgres refuses `set role`. The caller has made the transaction read
-- only and bound it (signed_binding.sql).
create or replace function howdah_private.run_read_query(
  query text, path text, schemas text[], max_rows int, max_bytes int, max_cost float8
) returns table (rows text[], cut_by text)
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select r.rows, r.cut_by
  from howdah_private.rows_of_query(query, path, schemas, max_rows, max_bytes, max_cost) as r
$$;

-- Returns the functions and operators in a query of a model that it may not call, each with the
-- reason. PostgreSQL does not interrupt a function that does not look for it. So functions of
-- pg_catalog, and those of extensions that are written in C, may be called only if they are known
-- (`is_known`) to compute in little time and to return no more than a small multiple of their
-- arguments. Other functions of the schemas on `path` must be immutable and run with the privileges
-- of the caller.
--
-- Some that are known are not short: they have a namesake in howdah_bounded (`is_bounded`), and a
-- schema before the name would reach the one in pg_catalog. Another database has no howdah_bounded:
-- there the caller bounds what it can see in the text.
--
-- A call is {"name", "schema" (null: found by the path), "kind": "function" | "operator" |
-- "field", "is_known", "is_bounded"}. A field counts as a call if it has the name of a function of
-- one argument: `(5).pg_sleep`.
create or replace function howdah_private.refused_calls(calls jsonb, path text[])
  returns table (name text, reason text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with calls as (
    select distinct c.name, c.schema, c.kind, c.is_known, c.is_bounded
    from jsonb_to_recordset(refused_calls.calls)
      as c (name text, schema text, kind text, is_known boolean, is_bounded boolean)
  ),
  places as (
    select c.*, n.oid as namespace, n.nspname
    from calls as c
    join pg_namespace as n
      on n.nspname = any (case when c.schema is null then refused_calls.path || text 'pg_catalog'
        else array[c.schema] end)
  ),
  routines as (
    select s.*, p.oid as routine
    from places as s join pg_proc as p on (p.proname, p.pronamespace) = (s.name, s.namespace)
    where s.kind = 'function' or (s.kind = 'field'
      and 1 between p.pronargs - p.pronargdefaults and p.pronargs)
    union all
    select s.*, o.oprcode::oid
    from places as s join pg_operator as o on (o.oprname, o.oprnamespace) = (s.name, s.namespace)
    where s.kind = 'operator'
  ),
  candidates as (
    select r.name, r.schema, r.kind, case
        when p.prosecdef then 'it runs with the privileges of its owner'
        when r.nspname <> 'pg_catalog' and p.provolatile <> 'i' and r.kind <> 'operator' then
          'functions outside of pg_catalog must be immutable'
        when r.nspname <> 'pg_catalog' and p.provolatile = 'v' then 'it may do more than compute'
        when not r.is_known and (r.nspname = 'pg_catalog' or l.lanname in ('internal', 'c')) then
          'it is none of those known to compute in a short time'
        when r.is_bounded and r.nspname = 'pg_catalog' and r.schema is not null
          and exists (select from pg_namespace as n where n.nspname = 'howdah_bounded') then
          'it may make a long value of short ones'
      end as reason
    from routines as r
    join pg_proc as p on p.oid = r.routine join pg_language as l on l.oid = p.prolang
  )
  select c.name, max(coalesce(d.reason, 'there is no such function'))
  from calls as c
  left join candidates as d on (d.name, d.kind) = (c.name, c.kind)
    and d.schema is not distinct from c.schema
  where d.reason is not null or (d.name is null and c.kind = 'function')
  group by c.name
  order by c.name
$$;

-- Counts the tables that the planner has to look at for these tables: each partition, and what a
-- view reads, as often as the view reads it, nested views included. A name that is no table is a
-- CTE or nothing. A table is {"name", "schema" (null: found by the path)}.
create or replace function howdah_private.planned_tables(tables jsonb, path text[]) returns int
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with recursive named as (
    select (
      select c.oid from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where c.relname = t.name
        and n.nspname = any (case when t.schema is null then planned_tables.path
          else array[t.schema] end)
      order by array_position(planned_tables.path, n.nspname::text) limit 1
    ) as oid
    from jsonb_to_recordset(planned_tables.tables) as t (name text, schema text)
  ),
  reached (oid, depth) as (
    select n.oid, 1 from named as n where n.oid is not null
    union all
    select m.relid[1]::oid, x.depth + 1 from reached as x
    join pg_rewrite as w on w.ev_class = x.oid and w.ev_type = '1'
    cross join lateral regexp_matches(w.ev_action::text, ':rtekind 0 :relid ([0-9]+)',
      'g') as m (relid)
    where m.relid[1]::oid not in (0, x.oid) and x.depth < 10
  )
  select coalesce(
    sum(1 + (select count(*) from pg_inherits as i where i.inhparent = r.oid)), 0)::int
  from reached as r
$$;

-- Returns the two rules that query a catalogue as SQL texts, for another database that lacks these
-- functions.
create or replace function howdah_private.reading_rules(
  out refused_calls text, out table_outside_schemas text
)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select
    max(replace(replace(p.prosrc, 'refused_calls.calls', '$1::jsonb'), 'refused_calls.path',
      '$2::text[]'))
      filter (where p.proname = 'refused_calls'),
    max(replace(replace(p.prosrc, 'table_outside_schemas.plan', '$1::json'),
      'table_outside_schemas.schemas', '$2::text[]'))
      filter (where p.proname = 'table_outside_schemas')
  from pg_proc as p
  where p.pronamespace = 'howdah_private'::regnamespace
    and p.proname in ('refused_calls', 'table_outside_schemas')
$$;
