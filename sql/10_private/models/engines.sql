-- Engines: who makes the answers of an agent, when it is not its models.

-- An engine in the form of a model: what its provider needs to ask it. Its usage is priced as that of the agent's first
-- model, where it has one.
create or replace function howdah_private.engine_model(a howdah.agents) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object(
    'id', (
      select am.model_id from howdah.agent_models as am
      where am.agent_id = a.id and am.purpose = 'llm' order by am.position limit 1
    ),
    'name', a.engine, 'provider', 'engine:' || case when c ? 'tool' then 'tool' else a.engine::text end,
    'model', coalesce(c ->> 'model', c ->> 'function', c ->> 'tool', ''), 'base_url', coalesce(c ->> 'base_url', c ->> 'url'),
    'context_tokens', null,
    'request_params', case when a.engine = 'http' then jsonb_strip_nulls(jsonb_build_object('headers', c -> 'headers'))
      else coalesce(c -> 'request_params', '{}') end
  ) || case when c ? 'secret_name' then jsonb_build_object('secret_name', c -> 'secret_name') else '{}' end
  from (select a.engine_configuration) as x (c)
$$;

-- A configuration is what the schema of its engine says; keys are named and do not stand in it, nor in its URLs.
create or replace function howdah_private.refuse_engine(a howdah.agents) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_faults text[];
  v_url text := coalesce(a.engine_configuration ->> 'base_url', a.engine_configuration ->> 'url');
begin
  if a.engine = 'a2a' then
    raise exception using errcode = 'HWINV', message = 'engine a2a is not available yet',
      detail = jsonb_build_object('field', 'engine', 'agent', a.name)::text,
      hint = 'Use http for an agent behind a URL, openai for one that speaks OpenAI''s chat completions.';
  end if;
  v_faults := howdah_private.json_faults(howdah.engine_schema(a.engine), a.engine_configuration);
  if cardinality(v_faults) > 0 then
    raise exception using errcode = 'HWINV',
      message = format('engine_configuration of agent %L: %s', a.name, array_to_string(v_faults, '; ')),
      detail = jsonb_build_object('field', 'engine_configuration', 'faults', to_jsonb(v_faults))::text,
      hint = format('What may stand in it says howdah.engine_schema(%L).', a.engine);
  end if;
  perform howdah_private.refuse_plain_secrets('engine_configuration', a.engine_configuration);
  perform howdah_private.refuse_key('engine_configuration', 'headers.' || h.name)
  from jsonb_object_keys(coalesce(a.engine_configuration -> 'headers', '{}')) as h (name)
  where h.name ~* '(auth|key|token|secret|passw|credential|cookie|session)';
  if v_url ~* '^https?://[^/?#\s]*@' then
    raise exception using errcode = 'HWINV', message = 'engine_configuration holds a user name or a password before its host',
      detail = jsonb_build_object('field', 'engine_configuration')::text,
      hint = 'Leave it out. Store a key as a secret (howdah secret set NAME) and name it in secret_name.';
  end if;
end $$;
