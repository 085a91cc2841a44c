-- Checks of a JSON value by itself; validate_json.sql walks the schema. Equality is the equality of
-- jsonb: 1 equals 1.0, and the order of keys does not matter. Numbers are compared as numeric,
-- without rounding.

-- Returns the place of a member, such as "address.city". An ambiguous name is written in brackets.
create or replace function howdah_private.json_place(place text, key text) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return case
    when json_place.key ~ '^[^\]\[."[:cntrl:]]+$' and length(key) <= 60
      then concat_ws('.', nullif(place, ''), key)
    else format('%s[%s]', place, to_jsonb(left(key, 60)))
  end;
end $$;

create or replace function howdah_private.json_sentence(place text, what text) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return coalesce(nullif(json_sentence.place, ''), 'the value') || ' ' || what;
end $$;

-- Formats a number with its noun: "1 item", "2 items", "2 properties".
create or replace function howdah_private.json_count(number numeric, noun text) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return trim_scale(json_count.number) || ' ' || case
    when number = 1 then noun when noun = 'property' then 'properties' else noun || 's' end;
end $$;

-- Formats a value for a sentence: unambiguous text as it is, everything else as JSON.
create or replace function howdah_private.json_excerpt(value jsonb) returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return left(case
    when jsonb_typeof(json_excerpt.value) = 'string'
      and value #>> '{}' ~ '^[^\s,"]([^,"]*[^\s,"])?$' then value #>> '{}'
    else value::text end, 100);
end $$;

-- Checks type, const and enum. Returns the fault, or null if the value is of the right kind.
create or replace function howdah_private.json_kind_fault(schema jsonb, value jsonb, place text)
  returns text
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := jsonb_typeof(json_kind_fault.value);
  v_types jsonb := json_kind_fault.schema -> 'type';
  v_articles constant jsonb := '{"string": "a string", "number": "a number", '
    '"integer": "an integer", "boolean": "true or false", "object": "an object", '
    '"array": "an array", "null": "null"}';
begin
  if not (v_types ? v_type or (
    v_type = 'number' and v_types ? 'integer' and (value #>> '{}')::numeric % 1 = 0
  )) then
    return howdah_private.json_sentence(place, format('must be %s, not %s', (
      select string_agg(
        coalesce(v_articles ->> (t.one #>> '{}'), t.one::text), ' or ' order by t.number)
      from jsonb_array_elements(case jsonb_typeof(v_types) when 'array' then v_types
        else jsonb_build_array(v_types) end) with ordinality as t (one, number)
    ), case when v_type in ('number', 'boolean') then howdah_private.json_excerpt(value)
      else v_articles ->> v_type end));
  end if;
  if schema ? 'const' and schema -> 'const' <> value then
    return howdah_private.json_sentence(
      place, 'must be ' || howdah_private.json_excerpt(schema -> 'const'));
  end if;
  if schema ? 'enum' and not exists (
    select from jsonb_array_elements(schema -> 'enum') as e (one)
    where e.one = json_kind_fault.value
  ) then
    return howdah_private.json_sentence(place, 'must be one of ' || (
      select coalesce(string_agg(howdah_private.json_excerpt(e.one), ', ' order by e.number)
        filter (where e.number <= 20), 'none') || case when count(*) > 20 then ', …' else '' end
      from jsonb_array_elements(schema -> 'enum') with ordinality as e (one, number)));
  end if;
  return null;
end $$;

-- Checks the keywords that apply to the type of the value.
create or replace function howdah_private.json_value_faults(schema jsonb, value jsonb, place text)
  returns text[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_type text := jsonb_typeof(json_value_faults.value);
begin
  return coalesce(case
    when v_type = 'number'
      then howdah_private.json_number_faults(schema, (value #>> '{}')::numeric, place)
    when v_type = 'string' then
      howdah_private.json_size_faults(
        schema, char_length(value #>> '{}'), 'Length', 'character', place)
      || howdah_private.json_text_faults(schema, value #>> '{}', place)
    when v_type = 'array' then
      howdah_private.json_size_faults(schema, jsonb_array_length(value), 'Items', 'item', place)
      || case when schema -> 'uniqueItems' = 'true'
        then howdah_private.json_duplicate_faults(value, place) end
    when v_type = 'object' then
      case when schema ?| array['minProperties', 'maxProperties']
        then howdah_private.json_size_faults(
          schema, (select count(*)::int from jsonb_object_keys(value)), 'Properties', 'property',
          place) end
      || case when schema ?| array['required', 'dependentRequired', 'dependencies']
        then howdah_private.json_missing_faults(schema, value, place) end
  end, '{}');
end $$;

create or replace function howdah_private.json_number_faults(
  schema jsonb, value numeric, place text
) returns text[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[] := '{}';
begin
  if json_number_faults.value < (schema ->> 'minimum')::numeric then
    v_faults := v_faults
      || ('must be at least ' || howdah_private.json_excerpt(schema -> 'minimum'));
  end if;
  if value <= (schema ->> 'exclusiveMinimum')::numeric then
    v_faults := v_faults
      || ('must be more than ' || howdah_private.json_excerpt(schema -> 'exclusiveMinimum'));
  end if;
  if value > (schema ->> 'maximum')::numeric then
    v_faults := v_faults
      || ('must be at most ' || howdah_private.json_excerpt(schema -> 'maximum'));
  end if;
  if value >= (schema ->> 'exclusiveMaximum')::numeric then
    v_faults := v_faults
      || ('must be less than ' || howdah_private.json_excerpt(schema -> 'exclusiveMaximum'));
  end if;
  if value % nullif((schema ->> 'multipleOf')::numeric, 0) <> 0 then
    v_faults := v_faults
      || ('must be a multiple of ' || howdah_private.json_excerpt(schema -> 'multipleOf'));
  end if;
  return case v_faults when '{}' then v_faults
    else array(
      select howdah_private.json_sentence(place, f.what) from unnest(v_faults) as f (what)) end;
end $$;

-- Checks the minimum and maximum sizes of text, arrays and objects.
create or replace function howdah_private.json_size_faults(
  schema jsonb, size int, suffix text, noun text, place text
) returns text[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_least numeric := (json_size_faults.schema ->> ('min' || json_size_faults.suffix))::numeric;
  v_most numeric := (json_size_faults.schema ->> ('max' || json_size_faults.suffix))::numeric;
begin
  return case
    when size < v_least then array[howdah_private.json_sentence(place,
      format('must have at least %s, and has %s', howdah_private.json_count(v_least, noun), size))]
    when size > v_most then array[howdah_private.json_sentence(place,
      format('must have at most %s, and has %s', howdah_private.json_count(v_most, noun), size))]
    else '{}'
  end;
end $$;

-- Checks uniqueItems.
create or replace function howdah_private.json_duplicate_faults(value jsonb, place text)
  returns text[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select howdah_private.json_sentence(place, format('must not repeat an item: %s occurs %s times',
      howdah_private.json_excerpt(i.one), count(*)))
    from jsonb_array_elements(json_duplicate_faults.value) as i (one)
    group by i.one
    having count(*) > 1
    order by i.one
    limit 3
  );
end $$;

-- Checks required, dependentRequired and the lists of names in dependencies.
create or replace function howdah_private.json_missing_faults(
  schema jsonb, value jsonb, place text
) returns text[]
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  return array(
    select howdah_private.json_place(place, r.name) || ' is missing'
    from jsonb_array_elements_text(json_missing_faults.schema -> 'required')
      with ordinality as r (name, number)
    where not value ? r.name
    order by r.number
  ) || array(
    select format('%s is missing, which %s requires', howdah_private.json_place(place, r.name),
      howdah_private.json_place(place, d.key))
    from unnest(array['dependentRequired', 'dependencies']) as k (keyword)
    cross join lateral jsonb_each(
      case jsonb_typeof(json_missing_faults.schema -> k.keyword) when 'object'
        then json_missing_faults.schema -> k.keyword end
    ) as d (key, names)
    cross join lateral jsonb_array_elements_text(
      case jsonb_typeof(d.names) when 'array' then d.names end) as r (name)
    where value ? d.key and not value ? r.name
  );
end $$;
