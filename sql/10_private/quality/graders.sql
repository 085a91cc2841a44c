-- Graders that need nothing but the result of a run. Each is a function of what the run returned,
-- what the item expects, and the configuration of the grader:
--
--   select howdah_private.grade_numeric('"about 12.5"', '12', '{"tolerance": 0.5}');
--   → {"score": 1}
--
-- The score is from 0 to 1. `detail` says why it is not 1, without texts of people and models.

-- Returns a JSON value as text: a JSON string without its quotes.
create or replace function howdah_private.json_as_text(value jsonb) returns text
  language sql immutable
  return json_as_text.value #>> '{}';

-- Returns the JSON in an answer that is a text, also in a code block; null if it is no JSON.
create or replace function howdah_private.json_of_answer(actual jsonb) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if jsonb_typeof(actual) is distinct from 'string' then
    return actual;
  end if;
  return regexp_replace(
    howdah_private.json_as_text(actual), '^\s*```[a-z]*\s*(.*?)\s*```\s*$', '\1')::jsonb;
exception when data_exception or statement_too_complex then
  return null;
end $$;

-- Returns a grade of 1 or 0, with the reason for 0.
create or replace function howdah_private.grade_if(is_right boolean, detail text default null)
  returns jsonb
  language sql immutable
  return case when grade_if.is_right then '{"score": 1}'::jsonb
    else jsonb_strip_nulls(jsonb_build_object('score', 0, 'detail', grade_if.detail)) end;

-- The answer is equal to what is expected. A text is compared with a text, JSON with JSON.
create or replace function howdah_private.grade_exact(
  actual jsonb, expected jsonb, configuration jsonb
) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.grade_if(coalesce(case
    when jsonb_typeof(grade_exact.expected) = 'string'
      then howdah_private.json_as_text(grade_exact.actual)
        = howdah_private.json_as_text(grade_exact.expected)
    else howdah_private.json_of_answer(grade_exact.actual) = grade_exact.expected end, false),
    'the answer differs')
$$;

-- The answer is equal to what is expected, apart from case, white space, Unicode forms, and
-- punctuation, quotes and brackets at the ends. Signs and symbols count: -5 is not 5, and C++ is
-- not C. {"punctuation": true} keeps punctuation, {"case": true} keeps case.
create or replace function howdah_private.normalized_answer(value jsonb, configuration jsonb)
  returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case when configuration -> 'case' = 'true' then t.text else lower(t.text) end
  from (
    select btrim(regexp_replace(case when configuration -> 'punctuation' = 'true' then n.text
      else regexp_replace(n.text,
        '^([][(){}"''`“”‘’„‚«»‹›:;!?¡¿\s]|[.,](?!\d))+|[][(){}"''`“”‘’„‚«»‹›.,:;!?\s]+$',
        '', 'g') end,
      '\s+', ' ', 'g')) as text
    from (
      select normalize(howdah_private.limit_marks(
        howdah_private.json_as_text(normalized_answer.value)), nfkc) as text
    ) as n
  ) as t
$$;

create or replace function howdah_private.grade_normalized(
  actual jsonb, expected jsonb, configuration jsonb
) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_wanted text := howdah_private.normalized_answer(grade_normalized.expected,
    grade_normalized.configuration);
begin
  if v_wanted = '' and howdah_private.json_as_text(grade_normalized.expected) <> '' then
    return howdah_private.grade_if(false, 'the item expects punctuation alone');
  end if;
  return howdah_private.grade_if(coalesce(
    howdah_private.normalized_answer(grade_normalized.actual, grade_normalized.configuration)
      = v_wanted, false),
    'the answer differs');
end $$;

-- The answer matches the pattern of the configuration, or else the pattern that is expected.
create or replace function howdah_private.grade_regex(
  actual jsonb, expected jsonb, configuration jsonb
) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.grade_if(coalesce(
    howdah_private.json_as_text(grade_regex.actual) ~ (
      case when grade_regex.configuration -> 'ignore_case' = 'true' then '(?i)' else '' end
      || coalesce(grade_regex.configuration ->> 'pattern',
        howdah_private.json_as_text(grade_regex.expected))), false),
    'the answer does not match the pattern')
$$;

-- The answer is JSON that fits the schema of the configuration, or else the schema that is
-- expected.
create or replace function howdah_private.grade_json_schema(
  actual jsonb, expected jsonb, configuration jsonb
) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value jsonb := howdah_private.json_of_answer(grade_json_schema.actual);
  v_schema jsonb := coalesce(grade_json_schema.configuration -> 'schema',
    grade_json_schema.expected);
  v_faults text[];
begin
  if (jsonb_typeof(v_schema) in ('object', 'boolean')) is not true then
    return howdah_private.grade_if(false, 'the item expects no schema');
  elsif v_value is null then
    return howdah_private.grade_if(false, 'the answer is no JSON');
  end if;
  v_faults := howdah_private.json_faults(v_schema, v_value);
  return howdah_private.grade_if(
    v_faults = '{}', format('%s faults by the schema', cardinality(v_faults)));
end $$;

-- The share of the expected fields that the answer has. {"fields": ["order.id", "total"]} names
-- them, with dots for fields of fields; without, all keys of the expected object.
-- {"tolerance": 0.01} is for numbers. A field that the item does not expect is wrong.
create or replace function howdah_private.grade_json_fields(
  actual jsonb, expected jsonb, configuration jsonb
) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_value jsonb := howdah_private.json_of_answer(grade_json_fields.actual);
  v_tolerance numeric := coalesce((grade_json_fields.configuration ->> 'tolerance')::numeric, 0);
  v_fields text[] := array(
    select f.name
    from jsonb_array_elements_text(coalesce(grade_json_fields.configuration -> 'fields', (
      select to_jsonb(array_agg(k.name order by k.name))
      from jsonb_object_keys(grade_json_fields.expected) as k (name)
      where jsonb_typeof(grade_json_fields.expected) = 'object'
    ))) as f (name));
  v_wrong text[];
begin
  if jsonb_typeof(grade_json_fields.expected) is distinct from 'object'
    or cardinality(v_fields) = 0 then
    return howdah_private.grade_if(false, 'the item expects no JSON object');
  end if;
  v_wrong := array(
    select f.name from unnest(v_fields) as f (name)
    cross join lateral (
      select expected #> string_to_array(f.name, '.') as wanted,
        v_value #> string_to_array(f.name, '.') as found
    ) as v
    where v.wanted is null
      or case when jsonb_typeof(v.wanted) = 'number' and jsonb_typeof(v.found) = 'number'
        then abs(v.wanted::numeric - v.found::numeric) > v_tolerance
        else v.wanted is distinct from v.found end);
  return jsonb_strip_nulls(jsonb_build_object(
    'score', 1 - cardinality(v_wrong)::numeric / cardinality(v_fields),
    'detail', 'wrong or missing: ' || nullif(array_to_string(v_wrong[1:20], ', '), '')));
end $$;

-- Returns the number of a value: a JSON number, or the only number in a text. Null if there is
-- none, or more than one.
create or replace function howdah_private.number_in(value jsonb) returns numeric
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_numbers text[];
begin
  if jsonb_typeof(value) = 'number' then
    return value::numeric;
  end if;
  v_numbers := array(
    select replace(m.found[1], ',', '')
    from regexp_matches(howdah_private.json_as_text(number_in.value),
      '([-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?)', 'g') as m (found)
    limit 2);
  return case when cardinality(v_numbers) = 1 then v_numbers[1]::numeric end;
end $$;

-- The number of the answer differs from the expected one by at most `tolerance`, or by at most
-- `relative` of it.
create or replace function howdah_private.grade_numeric(
  actual jsonb, expected jsonb, configuration jsonb
) returns jsonb
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_found numeric := howdah_private.number_in(grade_numeric.actual);
  v_wanted numeric := howdah_private.number_in(grade_numeric.expected);
begin
  if num_nulls(v_found, v_wanted) > 0 then
    return howdah_private.grade_if(false, case when v_wanted is null
      then 'the item expects no number' else 'the answer has no number, or several' end);
  end if;
  return howdah_private.grade_if(
    abs(v_found - v_wanted) <= greatest(
      coalesce((grade_numeric.configuration ->> 'tolerance')::numeric, 0),
      coalesce((grade_numeric.configuration ->> 'relative')::numeric, 0) * abs(v_wanted)),
    'the number differs');
end $$;

-- The time or the cost of the run is at most `max`.
create or replace function howdah_private.grade_at_most(
  actual jsonb, expected jsonb, configuration jsonb
) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.grade_if(
    coalesce((actual #>> '{}')::numeric <= (configuration ->> 'max')::numeric, false),
    format('%s is more than %s', actual, configuration -> 'max'))
$$;
