-- Implements prompts: templates with typed variables, written {{name}} as in the templates of
-- workflows. The database validates and renders them. A worker renders the version that its run
-- pinned by the same rules (src/runtime/messages/fill-prompt-template.ts).

-- Returns a prompt by value, as its versions store it.
create or replace function howdah_private.prompt_definition(p howdah.prompts) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'name', p.name, 'description', p.description, 'template', p.template, 'variables', p.variables)
$$;

-- Returns the prompt part of an agent definition: an empty object for an agent without prompt.
create or replace function howdah_private.pinned_prompt(a howdah.agents) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select jsonb_build_object('prompt', jsonb_build_object(
      'id', p.id, 'name', p.name, 'version', (
        select max(v.version) from howdah.prompt_versions as v
        where v.tenant_id = p.tenant_id and v.prompt_id = p.id
      ), 'template', p.template, 'variables', p.variables, 'values', a.prompt_values))
    from howdah.prompts as p where p.id = a.prompt_id
  ), '{}')
$$;

-- Returns the JSON Schema for the values of a prompt. Required values are known to be missing only
-- once all sources have been merged (`is_complete`).
create or replace function howdah_private.values_schema(variables jsonb, is_complete boolean)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('type', 'object', 'properties', values_schema.variables, 'required', (
    select coalesce(to_jsonb(array_agg(v.name order by v.name)), '[]')
    from jsonb_each(values_schema.variables) as v (name, schema)
    where values_schema.is_complete and not v.schema ? 'default'
  ))
$$;

-- Merges the values of a prompt: defaults, then those of the agent, then those of the run. Of
-- `input_data` only declared variables count, and null is not a value.
create or replace function howdah_private.prompt_values(
  variables jsonb, configured jsonb, input jsonb
) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce((
    select json_object_agg(v.name, v.schema -> 'default')::jsonb
    from jsonb_each(prompt_values.variables) as v (name, schema) where v.schema ? 'default'
  ), '{}') || coalesce(prompt_values.configured, '{}') || coalesce((
    select json_object_agg(g.name, g.value)::jsonb
    from jsonb_each(case jsonb_typeof(prompt_values.input) when 'object' then prompt_values.input
      else '{}' end) as g (name, value)
    where prompt_values.variables ? g.name and g.value <> 'null'
  ), '{}')
$$;

-- Splits a template into pieces: literal text and the {{…}} marker after it.
create or replace function howdah_private.template_parts(template text)
  returns table (place int, part text, marker text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select i.place, p.parts[i.place], p.markers[i.place]
  from (
    select regexp_split_to_array(template_parts.template, '\{\{[^{}]*\}\}') as parts, array(
      select m.found[1] from regexp_matches(template_parts.template, '\{\{[^{}]*\}\}', 'g')
        with ordinality as m (found, place)
      order by m.place
    ) as markers
  ) as p
  cross join lateral generate_series(1, cardinality(p.parts)) as i (place)
$$;

-- Returns the variable name inside a {{…}} marker.
create or replace function howdah_private.marker_name(marker text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select btrim(marker_name.marker, E'{} \t\r\n')
$$;

-- Renders a template in one pass, so markers inside values are not expanded. A name without a value
-- stays as it is.
create or replace function howdah_private.fill_template(template text, vals jsonb) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select string_agg(p.part || coalesce(case jsonb_typeof(v.value)
      when 'number' then trim_scale((v.value #>> '{}')::numeric)::text
      else v.value #>> '{}' end, p.marker, ''), '' order by p.place)
  from howdah_private.template_parts(fill_template.template) as p
  cross join lateral (
    select fill_template.vals -> howdah_private.marker_name(p.marker) as value
  ) as v
$$;

-- Returns the size in bytes of the text that `fill_template` would return, without making it: a
-- template of 256 kB may name a value of 1 MB thousands of times.
create or replace function howdah_private.filled_template_bytes(template text, vals jsonb)
  returns bigint
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(sum(n.literal_bytes + coalesce(
    n.markers * octet_length(filled_template_bytes.vals ->> n.name), n.marker_bytes, 0)), 0)
  from (
    select howdah_private.marker_name(p.marker) as name, count(p.marker) as markers,
      sum(octet_length(p.marker)) as marker_bytes, sum(octet_length(p.part)) as literal_bytes
    from howdah_private.template_parts(filled_template_bytes.template) as p
    group by howdah_private.marker_name(p.marker)
  ) as n
$$;

-- Returns the values that fill the prompt of an agent version for the input of a run. Raises HWINV
-- for a missing or unfit value, or when the text would be larger than 1 MB. The error names the
-- field in which the caller gives the values.
create or replace function howdah_private.checked_prompt_values(
  prompt jsonb, given jsonb, field text
) returns jsonb
  language plpgsql immutable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_max_bytes constant int := 1048576;
  v_variables constant jsonb := checked_prompt_values.prompt -> 'variables';
  v_values constant jsonb := howdah_private.prompt_values(
    v_variables, checked_prompt_values.prompt -> 'values', checked_prompt_values.given);
  v_faults text[] := howdah_private.json_faults(
    howdah_private.values_schema(v_variables, true), v_values);
  v_bytes bigint;
begin
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = format('%s for prompt %s: %s', checked_prompt_values.field,
        checked_prompt_values.prompt ->> 'name',
        array_to_string(v_faults, '; ')),
      detail = jsonb_build_object('field', checked_prompt_values.field,
        'prompt', checked_prompt_values.prompt -> 'name',
        'faults', to_jsonb(v_faults))::text,
      hint = 'Set the values in input_data of the run or in prompt_values of the agent: '
        || (select string_agg(k.name, ', ' order by k.name)
          from jsonb_object_keys(v_variables) as k (name)) || '.';
  end if;
  v_bytes := howdah_private.filled_template_bytes(
    checked_prompt_values.prompt ->> 'template', v_values);
  if v_bytes > v_max_bytes then
    raise exception using errcode = 'HWINV',
      message = format('%s for prompt %s: the text would have %s bytes, at most %s are allowed',
        checked_prompt_values.field, checked_prompt_values.prompt ->> 'name', v_bytes,
        v_max_bytes),
      detail = jsonb_build_object('field', checked_prompt_values.field,
        'prompt', checked_prompt_values.prompt -> 'name',
        'bytes', v_bytes, 'max_bytes', v_max_bytes)::text,
      hint = 'Use shorter values, or name each value fewer times in the template.';
  end if;
  return v_values;
end $$;

-- Renders the prompt of an agent version for the input of a run.
create or replace function howdah_private.rendered_prompt(
  prompt jsonb, given jsonb, field text default 'variables'
) returns text
  language sql immutable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.fill_template(
    rendered_prompt.prompt ->> 'template',
    howdah_private.checked_prompt_values(
      rendered_prompt.prompt, rendered_prompt.given, rendered_prompt.field))
$$;

-- Refuses a new run that lacks values for the prompt of its agent, or whose prompt would be too
-- large. A child run without them fails when it calls its model.
create or replace function howdah_private.check_prompt_values(version_id uuid, input_data jsonb)
  returns void
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.checked_prompt_values(v.definition #> '{agent,prompt}',
    check_prompt_values.input_data, 'input_data')
  from howdah.agent_versions as v
  where v.id = check_prompt_values.version_id and v.definition -> 'agent' ? 'prompt'
$$;

-- Returns the input_data of a run, for a worker whose run has a prompt.
create or replace function howdah_private.input_data(execution_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select e.input_data from howdah.executions as e where e.id = input_data.execution_id
$$;

-- Refuses values of an agent for its prompt that have an unknown name or the wrong type.
create or replace function howdah_private.check_value_names(
  field text, prompt text, variables jsonb, vals jsonb
) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known text[] := array(
    select k.name from jsonb_object_keys(check_value_names.variables) as k (name)
    order by 1);
  v_faults text[];
  v_name text;
begin
  select k.name into v_name from jsonb_object_keys(check_value_names.vals) as k (name)
  where k.name <> all (v_known) order by 1 limit 1;
  v_faults := case when v_name is not null
    then array[format('%s is not a variable of the prompt%s', to_jsonb(v_name),
      coalesce(': did you mean ' || howdah_private.nearest_word(v_name, v_known) || '?', ''))]
    else howdah_private.json_faults(
      howdah_private.values_schema(check_value_names.variables, false),
      check_value_names.vals) end;
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = format('%s for prompt %s: %s', check_value_names.field, check_value_names.prompt,
        array_to_string(v_faults, '; ')),
      detail = jsonb_strip_nulls(jsonb_build_object(
        'field', check_value_names.field, 'prompt', check_value_names.prompt,
        'path', check_value_names.field || '.' || substring(v_name from '^[A-Za-z0-9_]+$'),
        'faults', to_jsonb(v_faults)))::text,
      hint = case when v_known = '{}' then 'The prompt has no variables.'
        else 'Its variables: ' || array_to_string(v_known, ', ') || '.' end;
  end if;
end $$;

-- Checks the variables of a prompt. Each is the JSON Schema of a string, number, integer or
-- boolean, since only these can be written into a text.
create or replace function howdah_private.check_variables(variables jsonb) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_schema constant jsonb := howdah_private.values_schema(check_variables.variables, false);
  v_faults text[] := howdah_private.json_faults('{
    "maxProperties": 100,
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]{0,62}$"},
    "additionalProperties": {"type": "object", "required": ["type"], "properties": {
      "type": {"enum": ["string", "number", "integer", "boolean"]},
      "description": {"type": "string"}
    }}
  }', check_variables.variables);
  v_unknown text := howdah_private.unsupported_schema_keyword(v_schema);
begin
  if v_faults = '{}' and v_unknown is not null then
    v_faults := array[format('%s cannot be checked', v_unknown)];
  elsif v_faults = '{}' then
    perform howdah_private.check_schema('variables', v_schema);
    v_faults := howdah_private.json_faults(v_schema,
      howdah_private.prompt_values(check_variables.variables, null, null));
    v_faults := array(select 'the default of ' || f.fault from unnest(v_faults) as f (fault));
  end if;
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'variables: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'variables', 'faults', to_jsonb(v_faults))::text,
      hint = '{"customer": {"type": "string"}, '
        '"tone": {"type": "string", "enum": ["kind", "strict"], "default": "kind"}}';
  end if;
end $$;

-- Refuses a template with a {{…}} that names no variable, with its line and column.
create or replace function howdah_private.check_template(template text, variables jsonb)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known text[] := array(select k.name
    from jsonb_object_keys(check_template.variables) as k (name) order by 1);
  v_name text;
  v_before text;
begin
  select x.name, left(check_template.template, x.end_position - length(x.marker))
    into v_name, v_before
  from (
    select p.place, p.marker, howdah_private.marker_name(p.marker) as name,
      (sum(length(p.part) + coalesce(length(p.marker), 0)) over (
        order by p.place))::int as end_position
    from howdah_private.template_parts(check_template.template) as p
  ) as x
  where x.marker is not null and x.name <> all (v_known)
  order by x.place limit 1;
  if found then
    raise exception using errcode = 'HWINV',
      message = format('template, line %s, column %s: {{%s}} is not a variable%s',
        cardinality(string_to_array(v_before || '.', E'\n')),
        length(substring(v_before from '[^\n]*$')) + 1, left(v_name, 60),
        coalesce(': did you mean {{' || howdah_private.nearest_word(v_name, v_known) || '}}?', '')),
      detail = jsonb_build_object('field', 'template', 'variable', left(v_name, 60),
        'position', length(v_before) + 1)::text,
      hint = case when v_known = '{}'
        then 'Declare it in variables, such as {"name": {"type": "string"}}.'
        else 'The variables: ' || array_to_string(v_known, ', ') || '.' end;
  end if;
end $$;
