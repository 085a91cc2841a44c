-- The kinds of graders, and the settings that each may have.

-- Returns a JSON Schema of the configuration of each kind that workers can run.
create or replace function howdah_private.grader_schemas()
  returns table (kind howdah.grader_kind, example jsonb, properties jsonb, required jsonb)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('exact'::howdah.grader_kind, '{}'::jsonb, '{}'::jsonb, '[]'::jsonb),
    ('normalized', '{}', '{"case": {"type": "boolean"}, "punctuation": {"type": "boolean"}}', '[]'),
    ('regex', '{"pattern": "[0-9]{4}"}',
      '{"pattern": {"type": "string", "minLength": 1, "maxLength": 1000},
        "ignore_case": {"type": "boolean"}}', '[]'),
    ('json_schema', '{"schema": {"type": "object"}}', '{"schema": {"type": "object"}}', '[]'),
    ('json_fields', '{"fields": ["order.id"]}',
      '{"fields": {"type": "array", "minItems": 1, "maxItems": 100, "items": {"type": "string"}},
        "tolerance": {"type": "number", "minimum": 0}}', '[]'),
    ('numeric', '{"tolerance": 0.01}',
      '{"tolerance": {"type": "number", "minimum": 0},
        "relative": {"type": "number", "minimum": 0}}', '[]'),
    ('sql', '{"query": "select from shop.refunds where order_id = ($1 #>> ''{expected}'')::int"}',
      '{"query": {"type": "string", "minLength": 1, "maxLength": 20000},
        "timeout_ms": {"type": "integer", "minimum": 1, "maximum": 10000}}', '["query"]'),
    ('trajectory', '{"match": "in_order", "arguments": "ignore"}',
      '{"match": {"enum": ["exact", "in_order", "any_order"]},
        "arguments": {"enum": ["equal", "contains", "ignore"]},
        "calls": {"type": "array"}, "tools": {"type": "array", "items": {"type": "string"}},
        "forbidden": {"type": "array", "items": {"type": "string"}}}', '[]'),
    ('similarity', '{"model": "embedding", "minimum": 0.8}',
      '{"model": {"type": "string", "minLength": 1, "maxLength": 200},
        "minimum": {"type": "number", "minimum": 0, "maximum": 1}}', '["model"]'),
    ('citation', '{"only": true}', '{"only": {"type": "boolean"}}', '[]'),
    ('rubric', '{"agent": "judge", "rubric": "The answer names the right sum and is polite."}',
      '{"agent": {"type": "string", "minLength": 1, "maxLength": 200},
        "rubric": {"type": "string", "minLength": 1, "maxLength": 20000},
        "examples": {"type": "array", "maxItems": 20, "items": {"type": "object",
          "required": ["output", "score", "reason"], "additionalProperties": false,
          "properties": {"output": {}, "score": {"type": "number"},
            "reason": {"type": "string"}, "item_id": {"type": "string",
              "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$"}}}},
        "scale": {"type": "object", "required": ["min", "max"], "additionalProperties": false,
          "properties": {"min": {"type": "number"}, "max": {"type": "number"}}}}',
      '["agent"]'),
    ('latency', '{"max": 5000}', '{"max": {"type": "number", "exclusiveMinimum": 0}}', '["max"]'),
    ('cost', '{"max": 0.01}', '{"max": {"type": "number", "minimum": 0}}', '["max"]')
$$;

-- Refuses a kind that no worker can run, and a configuration that its kind does not have.
create or replace function howdah_private.check_grader(g howdah.graders) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_kind record;
  v_faults text[];
begin
  select s.* into v_kind from howdah_private.grader_schemas() as s where s.kind = g.kind;
  if v_kind.kind is null then
    raise exception using errcode = 'HWINV',
      message = format('no worker can run graders of kind %s', g.kind),
      detail = jsonb_build_object('field', 'kind', 'kind', g.kind)::text,
      hint = 'The kinds: ' || (
        select string_agg(s.kind::text, ', ' order by s.kind)
        from howdah_private.grader_schemas() as s) || '.';
  end if;
  v_faults := howdah_private.json_faults(jsonb_build_object('type', 'object',
    'additionalProperties', false, 'required', v_kind.required,
    'properties', v_kind.properties || '{"expected_key": {"type": "string", "minLength": 1}}'),
    g.configuration);
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = 'configuration: ' || array_to_string(v_faults, '; '),
      detail = jsonb_build_object('field', 'configuration', 'faults', to_jsonb(v_faults))::text,
      hint = format('Write it as %s', v_kind.example) || '. It may also have expected_key.';
  end if;
  if g.kind = 'json_schema' and g.configuration ? 'schema' then
    perform howdah_private.check_schema('configuration.schema', g.configuration -> 'schema');
  elsif g.kind = 'regex' and g.configuration ? 'pattern' then
    perform howdah_private.check_grader_pattern(g.configuration ->> 'pattern');
  elsif g.kind = 'rubric' then
    perform howdah_private.check_judge(g.tenant_id, g.configuration);
  elsif g.kind = 'similarity' then
    perform howdah_private.embedding_model_named(
      g.tenant_id, g.configuration ->> 'model', 'configuration.model');
  end if;
end $$;

-- Refuses a judge that does not exist, a scale without extent, and examples out of the scale.
create or replace function howdah_private.check_judge(tenant_id uuid, configuration jsonb)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_low numeric := coalesce(check_judge.configuration #> '{scale,min}', '0');
  v_high numeric := coalesce(check_judge.configuration #> '{scale,max}', '1');
  v_place bigint;
begin
  perform howdah_private.judge_named(
    check_judge.tenant_id, check_judge.configuration ->> 'agent', 'configuration.agent');
  if not check_judge.configuration ?| '{rubric,expected_key}' then
    raise exception using errcode = 'HWINV', message = 'configuration: rubric is missing',
      detail = '{"field": "configuration"}',
      hint = 'Write rubric, or name in expected_key the key of what items expect that is theirs.';
  end if;
  if v_low >= v_high then
    raise exception using errcode = 'HWINV',
      message = format('configuration.scale: min %s is not below max %s', v_low, v_high),
      detail = '{"field": "configuration.scale"}',
      hint = 'Write it as {"min": 1, "max": 5}. Without it, scores are from 0 to 1.';
  end if;
  select x.place into v_place
  from jsonb_array_elements(check_judge.configuration -> 'examples') with ordinality
    as x (example, place)
  where (x.example -> 'score')::numeric not between v_low and v_high
  order by x.place limit 1;
  if found then
    raise exception using errcode = 'HWINV',
      message = format('configuration.examples: the score of example %s is not from %s to %s',
        v_place, v_low, v_high),
      detail = '{"field": "configuration.examples"}',
      hint = 'Give the scores of examples on the scale of the grader.';
  end if;
end $$;

-- Refuses a pattern that Postgres cannot compile.
create or replace function howdah_private.check_grader_pattern(pattern text) returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform '' ~ check_grader_pattern.pattern;
exception when invalid_regular_expression then
  raise exception using errcode = 'HWINV',
    message = 'configuration.pattern is no regular expression: ' || sqlerrm,
    detail = '{"field": "configuration.pattern"}',
    hint = 'Write a regular expression of Postgres, such as ^[0-9]{4}$.';
end $$;
