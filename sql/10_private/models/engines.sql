-- Implements engines: an external program or API that answers for an agent instead of its models.

-- Returns an engine in the form of a model, with what its provider needs for a call. Usage is
-- priced like the first model of the agent, if it has one.
create or replace function howdah_private.engine_model(a howdah.agents) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', (
      select am.model_id from howdah.agent_models as am
      where am.agent_id = a.id and am.purpose = 'llm' order by am.position limit 1
    ),
    'name', a.engine, 'provider', 'engine:'
      || case when c ? 'tool' then 'tool' else a.engine::text end,
    'model', coalesce(c ->> 'model', c ->> 'function', c ->> 'tool', ''),
    'base_url', coalesce(c ->> 'base_url', c ->> 'url'),
    'context_tokens', null,
    'request_params', case a.engine
      when 'http' then jsonb_strip_nulls(jsonb_build_object('headers', c -> 'headers'))
      when 'a2a' then c - array['url', 'secret_name']
      else coalesce(c -> 'request_params', '{}') end
  ) || case when c ? 'secret_name' then jsonb_build_object('secret_name', c -> 'secret_name')
    else '{}' end
  from (select a.engine_configuration) as x (c)
$$;

-- Checks the configuration of an engine against the schema of its type. Keys are referred to by
-- name; the configuration and its URLs must not contain them.
create or replace function howdah_private.check_engine(a howdah.agents) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[];
  v_url text := coalesce(a.engine_configuration ->> 'base_url', a.engine_configuration ->> 'url');
begin
  v_faults := howdah_private.json_faults(howdah.engine_schema(a.engine), a.engine_configuration);
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = format('engine_configuration of agent %L: %s', a.name,
        array_to_string(v_faults, '; ')),
      detail = jsonb_build_object('field', 'engine_configuration', 'faults',
        to_jsonb(v_faults))::text,
      hint = format('For the schema, call howdah.engine_schema(%L).', a.engine);
  end if;
  perform howdah_private.check_plain_secrets('engine_configuration', a.engine_configuration);
  perform howdah_private.raise_plain_secret('engine_configuration', 'headers.' || h.name)
  from jsonb_object_keys(coalesce(a.engine_configuration -> 'headers', '{}')) as h (name)
  where h.name ~* '(auth|key|token|secret|passw|credential|cookie|session)';
  if v_url ~* '^https?://[^/?#\s]*@' then
    raise exception using errcode = 'HWINV',
      message = 'engine_configuration has a user name or password in its URL',
      detail = jsonb_build_object('field', 'engine_configuration')::text,
      hint = 'Remove it. Store a key as a secret (howdah admin secret set NAME) '
        'and set secret_name to its name.';
  end if;
end $$;
