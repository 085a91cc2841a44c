-- Reads the signature of a function from the catalogue, for register_sql_tool.

-- Returns the input arguments of a function in order: name, type, and whether the argument is
-- optional.
create or replace function howdah_private.function_arguments(fn regprocedure) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(jsonb_build_object(
    'name', a.name, 'type', format_type(a.type, null),
    'optional', a.position > p.pronargs - p.pronargdefaults
  ) order by a.position)), '[]')
  from pg_catalog.pg_proc as p
  cross join lateral (
    select x.name, x.type, row_number() over (order by x.place) as position
    from unnest(
      coalesce(p.proallargtypes, p.proargtypes::oid[]), p.proargnames, p.proargmodes
    ) with ordinality as x (type, name, mode, place)
    where coalesce(x.mode, 'i') in ('i', 'b')
  ) as a
  where p.oid = function_arguments.fn
$$;

-- Returns the JSON Schema of a Postgres type.
create or replace function howdah_private.type_schema(type oid) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when t.typtype = 'd' then howdah_private.type_schema(t.typbasetype)
    when t.typcategory = 'A' then
      jsonb_build_object('type', 'array', 'items', howdah_private.type_schema(t.typelem))
    when t.typtype = 'e' then jsonb_build_object('type', 'string', 'enum', (
      select to_jsonb(array_agg(l.enumlabel order by l.enumsortorder))
      from pg_catalog.pg_enum as l where l.enumtypid = t.oid))
    when t.typname in ('int2', 'int4', 'int8') then '{"type": "integer"}'
    when t.typcategory = 'N' then '{"type": "number"}'
    when t.typname = 'bool' then '{"type": "boolean"}'
    when t.typname in ('json', 'jsonb') then '{}'
    when t.typtype = 'c' then '{"type": "object"}'
    when t.typname = 'uuid' then '{"type": "string", "format": "uuid"}'
    when t.typname = 'date' then '{"type": "string", "format": "date"}'
    when t.typname in ('timestamptz', 'timestamp')
      then '{"type": "string", "description": "date and time, ISO 8601"}'
    else '{"type": "string"}'
  end::jsonb
  from pg_catalog.pg_type as t where t.oid = type_schema.type
$$;

-- Returns the JSON Schema of the arguments of a function.
create or replace function howdah_private.function_parameters(fn regprocedure) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'type', 'object', 'additionalProperties', false,
    'properties',
    coalesce(json_object_agg(a.name, howdah_private.type_schema(a.type::regtype))::jsonb, '{}'),
    'required', coalesce(to_jsonb(array_agg(a.name) filter (where not a.optional)), '[]')
  )
  from jsonb_to_recordset(howdah_private.function_arguments(function_parameters.fn))
    as a (name text, type text, optional boolean)
$$;

-- Returns the function of a signature. Returns null if there is none, or if the text is not a name,
-- such as a.b.c.d(text).
create or replace function howdah_private.function_named(signature text) returns regprocedure
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return to_regprocedure(function_named.signature);
exception when syntax_error or invalid_name or feature_not_supported or invalid_text_representation
  or undefined_object or invalid_schema_name then
  return null; -- the error code depends on the release of PostgreSQL
end $$;

-- Returns functions with the same unqualified name, for the hint on a misspelt signature.
create or replace function howdah_private.functions_named(signature text) returns text
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(p.oid::regprocedure::text, ' or ' order by p.oid)
  from pg_catalog.pg_proc as p
  join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
  where p.proname = regexp_replace(functions_named.signature, '^.*\.|\(.*$', '', 'g')
    and n.nspname not in (
      'pg_catalog', 'information_schema', 'howdah_private', 'howdah_bounded', 'graphile_worker')
$$;

-- Refuses a function that cannot be a tool.
create or replace function howdah_private.check_sql_tool(p pg_catalog.pg_proc, schema name)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_reason text := case
    when check_sql_tool.schema in (
        'pg_catalog', 'information_schema', 'howdah_private', 'howdah_bounded', 'graphile_worker'
      ) or check_sql_tool.schema like 'pg\_%' then 'it is in a system schema'
    when check_sql_tool.schema = 'howdah' then 'functions of Howdah cannot be tools'
    when p.prokind <> 'f' then 'it is not a plain function'
    when p.provariadic <> 0 then 'it is variadic'
    when exists (
      select from jsonb_to_recordset(howdah_private.function_arguments(p.oid)) as a (name text)
      where coalesce(a.name, '') = ''
    ) then 'an argument has no name, but models pass arguments by name'
    when p.prorettype in ('trigger'::regtype, 'event_trigger'::regtype)
      then 'it is a trigger function'
    when exists (
      select from unnest(p.proargtypes::oid[] || p.prorettype) as x (type)
      join pg_catalog.pg_type as t on t.oid = x.type
      where t.typtype = 'p' and t.typname not in ('void', 'record')
    ) then 'it has a polymorphic or pseudo-type'
    when p.proname !~ '^[A-Za-z0-9_-]{1,64}$' then 'its name does not match [A-Za-z0-9_-]{1,64}'
  end;
begin
  if v_reason is not null then
    raise exception using errcode = 'HWINV',
      message = format('%s.%s cannot be a tool: %s', check_sql_tool.schema, p.proname, v_reason),
      detail = jsonb_build_object('function', p.oid::regprocedure::text)::text,
      hint = 'Write a plain function with named arguments in a schema of your own.';
  end if;
end $$;

-- Checks that the configuration of a SQL tool has the form that register_sql_tool writes.
create or replace function howdah_private.check_function_exists(configuration jsonb) returns void
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := howdah_private.json_faults('{
    "required": ["schema", "function", "arguments"],
    "properties": {
      "schema": {"type": "string", "minLength": 1},
      "function": {"type": "string", "minLength": 1},
      "returns_set": {"type": "boolean"},
      "arguments": {
        "type": "array",
        "items": {
          "type": "object", "required": ["name", "type"],
          "properties": {
            "name": {"type": "string", "minLength": 1},
            "type": {"type": "string", "minLength": 1},
            "optional": {"type": "boolean"}
          }
        }
      }
    }
  }', check_function_exists.configuration);
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'a SQL tool needs a function: configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = 'To make a function a tool, call howdah.register_sql_tool(signature).';
  end if;
end $$;

-- Returns the statements that give howdah_app what the body of a function mentions and howdah_app
-- may not use: tables, views and schemas. Parsed bodies are read as PostgreSQL writes them; other
-- bodies as they are, without comments and texts. Not seen are dynamic statements (execute) and
-- what other functions and triggers use. A function that runs as its owner needs nothing.
create or replace function howdah_private.missing_grants(fn regprocedure) returns text[]
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with functions as (
    select p.*, regexp_replace(coalesce(pg_get_function_sqlbody(p.oid), p.prosrc),
        '''([^'']|'''')*''|--[^\n]*|/\*([^*]|\*+[^*/])*\*+/', ' ', 'g') as body,
      n.nspname, coalesce((
        select regexp_split_to_array(replace(substr(c.setting, 13), '"', ''), ',\s*')
        from unnest(p.proconfig) as c (setting) where starts_with(c.setting, 'search_path=')
      ), '{}') || array[n.nspname::text, 'public'] as schemas
    from pg_proc as p
    join pg_namespace as n on n.oid = p.pronamespace
    where p.oid = missing_grants.fn and not p.prosecdef
  ),
  mentions as (
    select lower(m.parts[1]) as verb, m.parts[3] as name, f.schemas, f.body
    from functions as f
    cross join lateral regexp_matches(f.body,
      '(\mdelete\s+from\M|\minto\M|\mupdate\M|\mfrom\M|\mjoin\M|\musing\M|,)\s*(only\s+)?'
      || '(("[^"]+"|[[:alpha:]_][\w$]*)(\.("[^"]+"|[[:alpha:]_][\w$]*))?)', 'gi') as m (parts)
  ),
  uses as (
    select distinct t.oid, v.privilege
    from mentions as m
    cross join lateral unnest(
      case when m.name ~ '^("[^"]+"|[^".]+)$' then m.schemas else '{""}' end) as s (name)
    cross join lateral (select to_regclass(
      case s.name when '' then m.name else format('%I.%s', s.name, m.name) end)) as r (relation)
    join pg_class as t on t.oid = r.relation and t.relkind in ('r', 'p', 'v', 'm', 'f')
    cross join lateral (
      select case when m.verb ~ '^delete' then 'delete'
        when m.verb = 'into' then 'insert' when m.verb = 'update' then 'update'
        else 'select' end
      union all
      select 'update' where m.verb = 'into' and m.body ~* '\mdo\s+update\M'
      union all
      -- columns that are read: in a condition, a result, or the row that a conflict is with
      select 'select'
      where m.verb ~ '^(delete|update)' and m.body ~* '\m(where|returning|using)\M'
        or m.verb = 'into' and m.body ~* '\m(returning|do\s+update)\M'
    ) as v (privilege)
    where t.relnamespace not in ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
  )
  select array(
    select distinct format('grant usage on schema %I to howdah_app', n.nspname)
    from uses as u
    join pg_class as t on t.oid = u.oid
    join pg_namespace as n on n.oid = t.relnamespace
    where not has_schema_privilege('howdah_app', n.oid, 'usage')
  ) || array(
    select format('grant %s on %I.%I to howdah_app',
      string_agg(u.privilege, ', ' order by u.privilege), n.nspname, t.relname)
    from uses as u
    join pg_class as t on t.oid = u.oid
    join pg_namespace as n on n.oid = t.relnamespace
    where not has_table_privilege('howdah_app', t.oid, u.privilege)
      and (u.privilege = 'delete'
        or not has_any_column_privilege('howdah_app', t.oid, u.privilege))
    group by n.nspname, t.relname
    order by n.nspname, t.relname
  )
$$;

-- Warns an owner who registers a function whose calls howdah_app would be refused.
create or replace function howdah_private.warn_missing_grants(fn regprocedure) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_grants text[] := howdah_private.missing_grants(warn_missing_grants.fn);
begin
  if v_grants <> '{}' then
    raise warning using
      message = format('%s runs as howdah_app, which lacks a privilege that the function needs',
        warn_missing_grants.fn),
      hint = array_to_string(v_grants, '; ') || ';';
  end if;
end $$;

-- Waits for other transactions that grant or revoke rights for tools and watches. Two grants on one
-- object at once would fail with "tuple concurrently updated".
create or replace function howdah_private.lock_grants() returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(hashtextextended('howdah.rights', 0))
$$;
