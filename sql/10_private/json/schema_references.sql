-- References of JSON Schemas, and the parts of the standard that json_faults does not support.

-- Resolves a reference such as '#', '#/$defs/…' or '#/definitions/…'. Returns null if the
-- target does not exist or is in another document.
create or replace function howdah_private.resolve_schema_reference(root jsonb, reference text)
  returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_pointer text := substr(resolve_schema_reference.reference, 2);
begin
  if reference !~ '^#(/|$)' then
    return null;
  end if;
  if v_pointer like '%\%%' then
    v_pointer := (
      select convert_from(string_agg(
        case when t.found[1] ~ '^%..$' then decode(substr(t.found[1], 2), 'hex')
        else convert_to(t.found[1], 'UTF8') end, ''::bytea order by t.number), 'UTF8')
      from regexp_matches(v_pointer, '(%[0-9a-fA-F]{2}|.)', 'g')
        with ordinality as t (found, number));
  end if;
  return root #> case v_pointer when '' then '{}' when '/' then array[''] else array(
    select replace(replace(t.token, '~1', '/'), '~0', '~')
    from unnest(string_to_array(substr(v_pointer, 2), '/')) with ordinality as t (token, number)
    order by t.number
  ) end;
exception when character_not_in_repertoire or untranslatable_character then
  return null;
end $$;

-- Returns the path of the first keyword that json_faults does not support, or null if json_faults
-- can check every value. Questions are not created with such keywords: unevaluatedProperties and
-- unevaluatedItems (unless true), $dynamicRef, $recursiveRef, more than 20 $refs, a $ref to
-- anything but a schema inside this one, and an $id below the root, which would be a new base for
-- references. Malformed dependencies count too, because schema_fault does not check them.
create or replace function howdah_private.unsupported_schema_keyword(schema jsonb) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if (
    select count(*) from jsonb_path_query(unsupported_schema_keyword.schema, 'strict $.**."$ref"')
  ) > 20 then
    return '$ref'; -- the target of each $ref is walked again
  end if;
  return howdah_private.unsupported_keyword_at(
    unsupported_schema_keyword.schema, unsupported_schema_keyword.schema, '');
end $$;

create or replace function howdah_private.unsupported_keyword_at(
  root jsonb, schema jsonb, path text
) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_keyword record;
  v_path text;
  v_kind text;
  v_found text;
  v_target jsonb;
begin
  if jsonb_typeof(unsupported_keyword_at.schema) is distinct from 'object' then
    return null;
  end if;
  for v_keyword in
    select k.name, k.value, jsonb_typeof(k.value) as type from jsonb_each(schema) as k (name, value)
  loop
    v_path := concat_ws('.', nullif(path, ''), v_keyword.name);
    v_target := case v_keyword.name
      when '$ref' then howdah_private.resolve_schema_reference(root, v_keyword.value #>> '{}') end;
    if v_keyword.name in ('$dynamicRef', '$recursiveRef')
      or (v_keyword.name in ('unevaluatedProperties', 'unevaluatedItems')
        and v_keyword.value <> 'true')
      or (v_keyword.name = '$id' and path <> '' and v_keyword.value #>> '{}' not like '#%')
      or (v_keyword.name = '$ref'
        and (v_target is null or howdah_private.schema_fault(v_target, v_path) is not null))
      or (v_keyword.name = 'dependencies' and (v_keyword.type <> 'object' or exists (
        select from jsonb_each(
          case v_keyword.type when 'object' then v_keyword.value end) as d (key, one)
        where jsonb_typeof(d.one) <> 'array'
          and howdah_private.schema_fault(d.one, v_path) is not null)))
    then
      return v_path;
    end if;
    v_kind := case v_keyword.name when 'dependencies' then 'schemas by name'
      else howdah_private.keyword_kind(v_keyword.name) end;
    continue when v_kind is null or v_keyword.type not in ('object', 'array');
    select f.found into v_found
    from (
      select v_keyword.value as part, v_path as place
      where v_kind in ('schema', 'schema or list of schemas') and v_keyword.type = 'object'
      union all
      select e.one, v_path || '.' || e.key
      from jsonb_each(case when v_kind = 'schemas by name' and v_keyword.type = 'object'
        then v_keyword.value end) as e (key, one)
      union all
      select e.one, format('%s[%s]', v_path, e.number - 1)
      from jsonb_array_elements(case
        when v_kind like '%list of schemas' and v_keyword.type = 'array' then v_keyword.value
        end) with ordinality as e (one, number)
    ) as p
    cross join lateral howdah_private.unsupported_keyword_at(root, p.part, p.place) as f (found)
    where f.found is not null
    limit 1;
    if v_found is not null then
      return v_found;
    end if;
  end loop;
  return null;
end $$;

-- Refuses a schema that no value can be checked against: a reference has its target in another
-- document, which is never fetched, or has no target. References by name ($anchor, $id) are left to
-- the validator.
create or replace function howdah_private.check_references(field text, schema jsonb) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found record;
begin
  if not jsonb_path_exists(check_references.schema, 'strict $.**."$ref" ? (@.type() == "string")')
    or jsonb_path_exists(check_references.schema, 'strict $.**."$id"') then
    return;
  end if;
  select r.path, r.reference into v_found
  from howdah_private.schema_references(check_references.field, check_references.schema) as r
  where r.reference not like '#%'
    or (r.reference like '#/%'
      and howdah_private.resolve_schema_reference(check_references.schema, r.reference) is null)
  order by r.path limit 1;
  if found then
    raise exception using errcode = 'HWINV',
      message = format('%s is not a usable JSON Schema: %s: %s %s', check_references.field,
        v_found.path, to_jsonb(left(v_found.reference, 200)),
        case when v_found.reference like '#%' then 'does not exist'
          else 'is in another document' end),
      detail = jsonb_build_object('field', check_references.field, 'path', v_found.path)::text,
      hint = 'Move the target of the reference to $defs, and refer to it as #/$defs/NAME.';
  end if;
end $$;

-- Returns each $ref of a schema with its path. Data (enum, default, …) is not searched.
create or replace function howdah_private.schema_references(field text, schema jsonb)
  returns table (path text, reference text)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  with recursive parts (path, part) as (
    select schema_references.field, schema_references.schema
    union all
    select c.path, c.part
    from parts as p
    cross join lateral jsonb_each(
      case jsonb_typeof(p.part) when 'object' then p.part else '{}' end) as k (name, value)
    cross join lateral (
      select howdah_private.keyword_kind(k.name) as kind, jsonb_typeof(k.value) as type
    ) as w
    cross join lateral (
      select p.path || '.' || k.name, k.value
      where w.kind in ('schema', 'schema or list of schemas') and w.type = 'object'
      union all
      select p.path || '.' || k.name || '.' || e.name, e.value
      from jsonb_each(case when w.kind = 'schemas by name' and w.type = 'object'
        then k.value else '{}' end) as e (name, value)
      union all
      select format('%s.%s[%s]', p.path, k.name, e.place - 1), e.value
      from jsonb_array_elements(case
        when w.kind in ('list of schemas', 'schema or list of schemas') and w.type = 'array'
        then k.value else '[]' end) with ordinality as e (value, place)
    ) as c (path, part)
  )
  select p.path || '.$ref', p.part ->> '$ref' from parts as p
  where jsonb_typeof(p.part -> '$ref') = 'string'
$$;
