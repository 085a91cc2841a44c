-- Validation of JSON Schemas when they are written, so that no run fails over a malformed schema.
-- The checks follow the meta-schema of draft 2020-12: each keyword has a value of the right kind,
-- at every level. Unknown keywords are allowed, as in the standard.

-- Returns the kind of value that a keyword requires, or null if any value is allowed.
create or replace function howdah_private.keyword_kind(keyword text) returns text
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select case
    when keyword_kind.keyword in (
        'properties', 'patternProperties', '$defs', 'definitions', 'dependentSchemas')
      then 'schemas by name'
    when keyword_kind.keyword in ('additionalProperties', 'propertyNames', 'contains', 'not', 'if',
      'then', 'else', 'unevaluatedItems', 'unevaluatedProperties', 'additionalItems',
      'contentSchema') then 'schema'
    when keyword_kind.keyword in ('allOf', 'anyOf', 'oneOf', 'prefixItems') then 'list of schemas'
    when keyword_kind.keyword = 'items' then 'schema or list of schemas'
    when keyword_kind.keyword = 'required' then 'list of names'
    when keyword_kind.keyword in ('minLength', 'maxLength', 'minItems', 'maxItems', 'minProperties',
      'maxProperties', 'minContains', 'maxContains') then 'count'
    when keyword_kind.keyword in (
        'minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'multipleOf')
      then 'number'
    when keyword_kind.keyword in ('pattern', 'format', 'title', 'description', '$ref', '$id',
      '$schema', '$anchor', '$comment', 'contentEncoding', 'contentMediaType') then 'string'
    when keyword_kind.keyword in ('uniqueItems', 'deprecated', 'readOnly', 'writeOnly')
      then 'boolean'
    when keyword_kind.keyword = 'type' then 'type'
    when keyword_kind.keyword = 'enum' then 'list'
  end
$$;

-- Returns the first fault of a value that should be of a kind, as "path: fault"; null if it is
-- valid.
create or replace function howdah_private.keyword_fault(kind text, value jsonb, path text)
  returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := jsonb_typeof(keyword_fault.value);
  v_types constant text[] := array[
    'string', 'number', 'integer', 'boolean', 'object', 'array', 'null'];
  v_fits boolean := case keyword_fault.kind
    when 'number' then v_type = 'number'
    when 'string' then v_type = 'string'
    when 'boolean' then v_type = 'boolean'
    when 'list' then v_type = 'array'
    when 'count' then v_type = 'number' and (value #>> '{}')::numeric >= 0
      and (value #>> '{}')::numeric % 1 = 0
    when 'list of names' then v_type = 'array'
      and not jsonb_path_exists(value, 'strict $[*] ? (@.type() != "string")')
    when 'type' then case v_type
      when 'string' then value #>> '{}' = any (v_types)
      when 'array' then not exists (
        select
        from jsonb_array_elements(case v_type when 'array' then value else '[]' end) as t (one)
        where jsonb_typeof(t.one) <> 'string' or t.one #>> '{}' <> all (v_types)
      )
      else false end
    else true
  end;
begin
  if not v_fits then
    return format('%s: %s is not a %s', path, left(value::text, 60), case kind
      when 'type' then 'JSON type (' || array_to_string(v_types, ', ') || ')'
      when 'count' then 'whole number of at least 0' else kind end);
  end if;
  return case
    when kind = 'schemas by name' and v_type = 'object' then (
      select f.fault
      from jsonb_each(case v_type when 'object' then value else '{}' end) as e (key, one)
      cross join lateral howdah_private.schema_fault(e.one, path || '.' || e.key) as f (fault)
      where f.fault is not null limit 1)
    when kind in ('list of schemas', 'schema or list of schemas') and v_type = 'array' then (
      select f.fault
      from jsonb_array_elements(case v_type when 'array' then value else '[]' end)
        with ordinality as e (one, place)
      cross join lateral howdah_private.schema_fault(
        e.one, format('%s[%s]', path, e.place - 1)) as f (fault)
      where f.fault is not null limit 1)
    when kind in ('schema', 'schema or list of schemas')
      then howdah_private.schema_fault(value, path)
    when kind in ('schemas by name', 'list of schemas') then
      format('%s: %s is not a %s', path, left(value::text, 60),
        case kind when 'list of schemas' then kind else 'set of schemas by name' end)
  end;
end $$;

create or replace function howdah_private.schema_fault(schema jsonb, path text) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text;
begin
  if jsonb_typeof(schema_fault.schema) = 'boolean' then
    return null;
  end if;
  if jsonb_typeof(schema_fault.schema) <> 'object' then
    return format('%s: %s is not a schema, which is an object or a boolean',
      path, left(schema::text, 60));
  end if;
  select f.fault into v_fault
  from jsonb_each(schema_fault.schema) as e (keyword, value)
  cross join lateral howdah_private.keyword_fault(
    howdah_private.keyword_kind(e.keyword), e.value, schema_fault.path || '.' || e.keyword
  ) as f (fault)
  where howdah_private.keyword_kind(e.keyword) is not null and f.fault is not null
  limit 1;
  return v_fault;
end $$;

-- Returns what makes a schema too large, or null. Called before the schema is walked: the walk
-- calls a function for each part and copies a part for each level.
create or replace function howdah_private.schema_size_fault(schema jsonb) returns text
  language plpgsql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_bytes int := octet_length(schema_size_fault.schema::text);
  v_parts int;
begin
  if v_bytes > 131072 then
    return format('it has %s bytes, at most 131072 are allowed', v_bytes);
  end if;
  if jsonb_path_exists(schema_size_fault.schema, 'strict $.**{101}') then
    return 'it has more than 100 levels';
  end if;
  v_parts := (
    select count(*) from jsonb_path_query(schema_size_fault.schema,
      'strict $.** ? (@.type() == "object" || @.type() == "boolean")'));
  if v_parts > 5000 then
    return format('it has %s objects and booleans, at most 5000 are allowed', v_parts);
  end if;
  return null;
end $$;

-- Raises the fault of a JSON Schema in a column. 95_refusals.sql refuses one that no column may
-- have, so this function leaves it.
create or replace function howdah_private.check_schema(field text, schema jsonb) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text := howdah_private.schema_size_fault(check_schema.schema);
begin
  if v_fault is not null then
    if octet_length(check_schema.schema::text) > 1048576
      or howdah_private.is_deep(check_schema.schema) then
      return;
    end if;
    raise exception using errcode = 'HWINV',
      message = format('%s is too large a JSON Schema: %s', check_schema.field, v_fault),
      detail = jsonb_build_object('field', check_schema.field)::text,
      hint = 'Remove parts of the schema, or move repeated parts to $defs and refer to them as '
        '#/$defs/NAME.';
  end if;
  v_fault := howdah_private.schema_fault(check_schema.schema, check_schema.field);
  if v_fault is not null then
    raise exception using errcode = 'HWINV',
      message = format('%s is not a JSON Schema: %s', check_schema.field, v_fault),
      detail = jsonb_build_object(
        'field', check_schema.field, 'path', split_part(v_fault, ': ', 1))::text,
      hint = 'See draft 2020-12: https://json-schema.org/draft/2020-12';
  end if;
end $$;
