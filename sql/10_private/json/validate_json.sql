-- Validation of JSON values against a JSON Schema, such as answers to questions. It is done in SQL,
-- so that every path checks an answer in the same way. It supports draft 2020-12 as far as forms
-- need it, and older spellings: tuples in `items`, additionalItems, dependencies. The schema must
-- have passed check_schema and unsupported_schema_keyword. This file walks the schema;
-- validate_value.sql checks a value by itself.
--
-- A schema can refer to itself endlessly, and a short schema can branch into very many checks. So
-- each walk has a work budget. When the budget is used up, no value counts as checked, not even
-- under a `not`.

-- Returns the faults of a value: one sentence with the place for each fault, at most 20. The array
-- is empty if the value is valid.
create or replace function howdah_private.json_faults(schema jsonb, value jsonb) returns text[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_work int := 20000;
  v_faults text[];
begin
  if json_faults.schema is null or json_faults.value is null then
    return case when json_faults.schema is null then '{}' else array['the value is missing'] end;
  end if;
  select f.work, f.faults into v_work, v_faults
  from howdah_private.json_faults_at(
    json_faults.schema, json_faults.schema, json_faults.value, '', 0, v_work) as f;
  if v_work <= 0 then
    return array['the value cannot be checked: its schema refers to itself endlessly, '
      'or needs too many checks'];
  end if;
  return array(
    select f.fault from unnest(v_faults) with ordinality as f (fault, place)
    group by f.fault order by min(f.place) limit 20
  );
end $$;

-- Returns the faults of one value under one schema. References start at the root.
create or replace function howdah_private.json_faults_at(
  root jsonb, schema jsonb, value jsonb, place text, depth int, inout work int, out faults text[]
)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_part record;
begin
  work := case when json_faults_at.depth > 200 then 0 else json_faults_at.work - 1 end;
  faults := '{}';
  if work <= 0 or json_faults_at.schema = 'true' then
    return;
  elsif json_faults_at.schema = 'false' then
    faults := array[howdah_private.json_sentence(place, 'is not allowed')];
    return;
  end if;
  faults := array_remove(array[howdah_private.json_kind_fault(schema, value, place)], null);
  if faults <> '{}' then
    return; -- more faults of a value of the wrong kind would only confuse
  end if;
  faults := howdah_private.json_value_faults(schema, value, place);
  if schema ?| array['$ref', 'allOf'] or jsonb_typeof(value) in ('object', 'array') then
    for v_part in
      select p.* from howdah_private.json_combined_parts(root, schema, value, place) as p
      where schema ?| array['$ref', 'allOf', 'dependentSchemas', 'dependencies']
      union all
      select p.* from howdah_private.json_object_parts(schema, value, place) as p
      where jsonb_typeof(value) = 'object'
      union all
      select p.* from howdah_private.json_array_parts(schema, value, place) as p
      where jsonb_typeof(value) = 'array'
    loop
      select f.work, json_faults_at.faults || f.faults into work, faults
      from howdah_private.json_faults_at(
        root, v_part.part, v_part.instance, v_part.spot, depth + 1, work) as f;
      exit when work <= 0 or cardinality(faults) >= 20;
    end loop;
  end if;
  if schema ?| array['anyOf', 'oneOf'] then
    select f.work, json_faults_at.faults || f.faults into work, faults
    from howdah_private.json_choice_faults(root, schema, value, place, depth, work) as f;
  end if;
  if schema ?| array['not', 'if', 'contains'] then
    select f.work, json_faults_at.faults || f.faults into work, faults
    from howdah_private.json_condition_faults(root, schema, value, place, depth, work) as f;
  end if;
end $$;

-- Returns the other schemas that the same value must match. A reference without a target matches no
-- value.
create or replace function howdah_private.json_combined_parts(
  root jsonb, schema jsonb, value jsonb, place text
)
  returns table (part jsonb, instance jsonb, spot text)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return query
  select p.one, json_combined_parts.value, json_combined_parts.place
  from (
    select coalesce(
      howdah_private.resolve_schema_reference(root, json_combined_parts.schema ->> '$ref'),
      'false') as one
    where json_combined_parts.schema ? '$ref'
    union all
    select a.one from jsonb_array_elements(json_combined_parts.schema -> 'allOf') as a (one)
    union all
    select d.one
    from unnest(array['dependentSchemas', 'dependencies']) as k (keyword)
    cross join lateral jsonb_each(json_combined_parts.schema -> k.keyword) as d (key, one)
    where jsonb_typeof(json_combined_parts.value) = 'object' and json_combined_parts.value ? d.key
      and jsonb_typeof(d.one) <> 'array'
  ) as p;
end $$;

-- Returns the properties of an object and their names, each with the schema that it must match. A
-- pattern that cannot be compiled checks no property, and makes no property an additional one.
create or replace function howdah_private.json_object_parts(schema jsonb, value jsonb, place text)
  returns table (part jsonb, instance jsonb, spot text)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known jsonb := coalesce(json_object_parts.schema -> 'properties', '{}');
  v_patterns jsonb := coalesce(json_object_parts.schema -> 'patternProperties', '{}');
  v_rest jsonb := json_object_parts.schema -> 'additionalProperties';
  v_names jsonb := json_object_parts.schema -> 'propertyNames';
begin
  return query
  select p.one, json_object_parts.value -> p.key,
    howdah_private.json_place(json_object_parts.place, p.key)
  from jsonb_each(v_known) as p (key, one)
  where json_object_parts.value ? p.key;
  if v_patterns <> '{}' or v_rest <> 'true' then
    return query
    select m.fitting, e.one, howdah_private.json_place(json_object_parts.place, e.key)
    from jsonb_each(json_object_parts.value) as e (key, one)
    cross join lateral (
      select p.one as fitting
      from jsonb_each(v_patterns) as p (pattern, one)
      where howdah_private.json_matches(e.key, p.pattern)
      union all
      select v_rest
      where v_rest <> 'true' and not v_known ? e.key and not exists (
        select from jsonb_object_keys(v_patterns) as p (pattern)
        where howdah_private.json_matches(e.key, p.pattern) is not false
      )
    ) as m;
  end if;
  if v_names is not null then
    return query
    select v_names, to_jsonb(e.key),
      format('the name %s', to_jsonb(left(e.key, 60)))
        || coalesce(' in ' || nullif(json_object_parts.place, ''), '')
    from jsonb_object_keys(json_object_parts.value) as e (key);
  end if;
end $$;

-- Returns the items of an array, each with the schema that it must match: the schema of its place,
-- or the schema of the other items.
create or replace function howdah_private.json_array_parts(schema jsonb, value jsonb, place text)
  returns table (part jsonb, instance jsonb, spot text)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_is_legacy boolean := coalesce(
    jsonb_typeof(json_array_parts.schema -> 'items') = 'array', false);
  v_first jsonb := json_array_parts.schema
    -> case when v_is_legacy then 'items' else 'prefixItems' end;
  v_rest jsonb := json_array_parts.schema
    -> case when v_is_legacy then 'additionalItems' else 'items' end;
  v_count int := coalesce(jsonb_array_length(v_first), 0);
begin
  if v_first is null and v_rest is null then
    return;
  end if;
  return query
  select case when i.number <= v_count then v_first -> (i.number - 1)::int else v_rest end,
    i.one, format('%s[%s]', json_array_parts.place, i.number - 1)
  from jsonb_array_elements(json_array_parts.value) with ordinality as i (one, number)
  where i.number <= v_count or v_rest is not null;
end $$;

-- Checks anyOf and oneOf. If no branch matches, the fault lists the first fault of each branch.
create or replace function howdah_private.json_choice_faults(
  root jsonb, schema jsonb, value jsonb, place text, depth int, inout work int, out faults text[]
)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_keyword text;
  v_branch record;
  v_faults text[];
  v_reasons text[];
  v_fitting int;
begin
  work := json_choice_faults.work;
  faults := '{}';
  foreach v_keyword in array array['anyOf', 'oneOf'] loop
    continue when not schema ? v_keyword;
    v_reasons := '{}';
    v_fitting := 0;
    for v_branch in select b.one from jsonb_array_elements(schema -> v_keyword) as b (one) loop
      select f.work, f.faults into work, v_faults
      from howdah_private.json_faults_at(root, v_branch.one, value, place, depth + 1, work) as f;
      if v_faults = '{}' then
        v_fitting := v_fitting + 1;
      elsif v_faults[1] <> all (v_reasons) then
        v_reasons := v_reasons || v_faults[1];
      end if;
      exit when work <= 0 or (v_fitting > 0 and v_keyword = 'anyOf');
    end loop;
    if v_fitting = 0 then
      faults := faults || coalesce(
        nullif(left(array_to_string(v_reasons[1:8], ', or ')
          || case when cardinality(v_reasons) > 8 then ', or …' else '' end, 1000), ''),
        howdah_private.json_sentence(place, 'is not allowed'));
    elsif v_fitting > 1 and v_keyword = 'oneOf' then
      faults := faults || howdah_private.json_sentence(place, format(
        'must fit exactly one of %s forms, and fits %s',
        jsonb_array_length(schema -> v_keyword), v_fitting));
    end if;
  end loop;
end $$;

-- Checks not, if with then and else, and contains.
create or replace function howdah_private.json_condition_faults(
  root jsonb, schema jsonb, value jsonb, place text, depth int, inout work int, out faults text[]
)
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[];
  v_item record;
  v_least numeric := coalesce((json_condition_faults.schema ->> 'minContains')::numeric, 1);
  v_most numeric := (json_condition_faults.schema ->> 'maxContains')::numeric;
  v_count int := 0;
begin
  work := json_condition_faults.work;
  faults := '{}';
  if schema ? 'not' then
    select f.work, f.faults into work, v_faults
    from howdah_private.json_faults_at(root, schema -> 'not', value, place, depth + 1, work) as f;
    if v_faults = '{}' then
      faults := faults || howdah_private.json_sentence(
        place, 'must not fit ' || left((schema -> 'not')::text, 100));
    end if;
  end if;
  if schema ? 'if' and schema ?| array['then', 'else'] then
    select f.work, f.faults into work, v_faults
    from howdah_private.json_faults_at(root, schema -> 'if', value, place, depth + 1, work) as f;
    select f.work, json_condition_faults.faults || f.faults into work, faults
    from howdah_private.json_faults_at(
      root, coalesce(schema -> case v_faults when '{}' then 'then' else 'else' end, 'true'),
      value, place, depth + 1, work) as f;
  end if;
  if schema ? 'contains' and jsonb_typeof(value) = 'array' then
    for v_item in select i.one from jsonb_array_elements(value) as i (one) loop
      select f.work, v_count + (f.faults = '{}')::int into work, v_count
      from howdah_private.json_faults_at(
        root, schema -> 'contains', v_item.one, '', depth + 1, work) as f;
      exit when work <= 0;
    end loop;
    if v_count < v_least or v_count > v_most then
      faults := faults || howdah_private.json_sentence(place, format(
        'must contain at %s that fit %s, and contains %s',
        case when v_count < v_least then 'least ' || howdah_private.json_count(v_least, 'item')
          else 'most ' || howdah_private.json_count(v_most, 'item') end,
        left((schema -> 'contains')::text, 100), v_count));
    end if;
  end if;
end $$;
