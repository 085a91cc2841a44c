-- Returns the JSON Schema (draft 2020-12) of agents.engine_configuration for an engine.
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
        "url": {"type": "string", "pattern": "^https?://[^ ]+$",
          "description": "Receives a POST request for each answer."},
        "secret_name": {"type": "string", "minLength": 1,
          "description": "The secret to send as Authorization: Bearer."},
        "headers": {"type": "object", "additionalProperties": {"type": "string"},
          "description": "Sent with each request."}
      }'::jsonb
      when 'openai' then '{
        "base_url": {"type": "string", "pattern": "^https?://[^ ]+$",
          "description": "The base URL as for a model, usually ending in /v1."},
        "model": {"type": "string", "minLength": 1, "description": "The model name to send."},
        "secret_name": {"type": "string", "minLength": 1},
        "request_params": {"type": "object",
          "description": "Sent with each request: temperature, max_tokens, …"}
      }'
      when 'a2a' then '{
        "url": {"type": "string", "pattern": "^https?://[^ ?#]+$",
          "description": "The address of the agent, or of its card if it ends in .json."},
        "secret_name": {"type": "string", "minLength": 1,
          "description": "The secret to send as Authorization: Bearer, to the host of url only."},
        "headers": {"type": "object", "additionalProperties": {"type": "string"},
          "description": "Sent with each request to the host of url."},
        "metadata": {"type": "object", "description": "The metadata of each message."},
        "accepted_output_modes": {"type": "array", "items": {"type": "string", "minLength": 1},
          "description": "The media types that the agent may answer with."}
      }'
      when 'custom' then '{
        "function": {"type": "string", "minLength": 1,
          "description": "The name under which code registered the function."},
        "request_params": {"type": "object", "description": "Passed to the function."},
        "tool": {"type": "string", "minLength": 1,
          "description": "A tool of the agent to call without a model, instead of a function."}
      }'
      else '{}'
    end
  ) || case engine_schema.engine
    when 'http' then '{"required": ["url"]}'::jsonb
    when 'a2a' then '{"required": ["url"]}'
    when 'openai' then '{"required": ["base_url", "model"]}'
    when 'custom'
      then '{"oneOf": [{"required": ["function"]}, {"required": ["tool"], "not": {"anyOf": [
        {"required": ["function"]}, {"required": ["request_params"]}]}}]}'
    else '{}'
  end
$$;
comment on function howdah.engine_schema(howdah.agent_engine) is
  'Returns the JSON Schema of agents.engine_configuration for this engine.';
