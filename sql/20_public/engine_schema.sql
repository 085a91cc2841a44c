-- What may stand in an agent's engine_configuration, by engine, as JSON Schema of draft 2020-12.
create or replace function howdah.engine_schema(engine howdah.agent_engine) returns jsonb
  language sql immutable parallel safe
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    '$schema', 'https://json-schema.org/draft/2020-12/schema',
    'title', format('configuration of the engine %s', engine_schema.engine),
    'type', 'object', 'additionalProperties', false,
    'properties', case engine_schema.engine
      when 'http' then '{
        "url": {"type": "string", "pattern": "^https?://[^ ]+$", "description": "Is sent a POST for each answer."},
        "secret_name": {"type": "string", "minLength": 1, "description": "The secret that is sent as Authorization: Bearer."},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}, "description": "Go along with each request."}
      }'::jsonb
      when 'openai' then '{
        "base_url": {"type": "string", "pattern": "^https?://[^ ]+$", "description": "As a model has it; most end in /v1."},
        "model": {"type": "string", "minLength": 1, "description": "The name that is sent as model."},
        "secret_name": {"type": "string", "minLength": 1},
        "request_params": {"type": "object", "description": "Sent along: temperature, max_tokens, …"}
      }'
      when 'custom' then '{
        "function": {"type": "string", "minLength": 1, "description": "The name the function was registered under in code."},
        "request_params": {"type": "object", "description": "Given to the function."},
        "tool": {"type": "string", "minLength": 1, "description": "Instead of a function: a tool of the agent, called without any model."}
      }'
      else '{}'
    end
  ) || case engine_schema.engine
    when 'http' then '{"required": ["url"]}'::jsonb
    when 'openai' then '{"required": ["base_url", "model"]}'
    when 'custom' then '{"oneOf": [{"required": ["function"]}, {"required": ["tool"], "not": {"anyOf": [{"required": ["function"]}, {"required": ["request_params"]}]}}]}'
    else '{}'
  end
$$;
comment on function howdah.engine_schema(howdah.agent_engine) is
  'The JSON Schema of agents.engine_configuration for this engine.';
