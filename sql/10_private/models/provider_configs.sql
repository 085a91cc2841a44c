-- Implements provider configurations: the model with which an agent answers (llm), speaks (tts) or
-- listens (stt), in one document in the notation of other systems: {provider, api_key, model,
-- api_url, completions_path, voice_id, sample_rate, path}. The document describes the first model
-- of that purpose. Writing it creates a model row of its own, named after the id of the agent, so
-- that no other agent changes with it. The row keeps the document without its key, and the document
-- is shown as it was written while the row is still what the document describes.

-- Returns the name of the model row that belongs to one agent alone.
create or replace function howdah_private.own_model_name(
  agent_id uuid, purpose howdah.model_purpose
) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select format('agent-%s-%s', own_model_name.agent_id, own_model_name.purpose)
$$;

-- Returns the document for display. Of a key only the last four characters are shown, if it is long
-- enough.
create or replace function howdah_private.provider_config(
  agent_id uuid, purpose howdah.model_purpose
) returns jsonb
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select case
      when (d.provider, howdah_private.model_id_of(d.provider, d.model), d.base_url)
          is not distinct from (m.provider, m.model, m.base_url)
        and (provider_config.purpose = 'llm' or d.request_params = x.request_params)
        then m.capabilities -> 'provider_config'
      else howdah_private.config_of_model(m, x.request_params) end
    || jsonb_strip_nulls(jsonb_build_object(
      'api_key', (
        select '****' || coalesce(s.last_four, '') from howdah.secrets as s
        where s.tenant_id = m.tenant_id and s.name = m.secret_name),
      'warnings', (
        select to_jsonb(array_agg(w.warning)) from (
          select x.warning
          from jsonb_array_elements_text(coalesce(
            m.capabilities #> '{provider_config,warnings}', '[]')) as x (warning)
          union
          select unnest(howdah.models_warnings(m))
        ) as w)))
  from howdah.agent_models as x
  join howdah.models as m on m.id = x.model_id
  left join lateral howdah_private.model_in(m.capabilities -> 'provider_config',
    provider_config.purpose) as d on m.capabilities ? 'provider_config'
  where x.agent_id = provider_config.agent_id and x.purpose = provider_config.purpose
  order by x.position
  limit 1
$$;

-- Returns a model as a document, for a model that was not written as one or has changed since. The
-- URL is shown without its completions_path where that is known.
create or replace function howdah_private.config_of_model(m howdah.models, request_params jsonb)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select case m.purpose when 'llm' then '{}' else config_of_model.request_params - 'url' end
    || jsonb_strip_nulls(jsonb_build_object('provider', m.provider, 'model', nullif(m.model, ''),
      case when m.purpose <> 'llm' and config_of_model.request_params ? 'url' then 'url'
        else 'api_url' end,
      case when a.is_apart then left(m.base_url, length(m.base_url) - length(p.prefix))
        else m.base_url end,
      'completions_path', case when a.is_apart then p.path end))
  from (
    select m.capabilities ->> 'completions_path' as path,
      regexp_replace(regexp_replace(m.capabilities ->> 'completions_path', '^/*', '/'),
        '/+chat/completions$', '') as prefix
  ) as p
  cross join lateral (select right(m.base_url, length(p.prefix)) = p.prefix as is_apart) as a
$$;

-- Returns the first member of a document that is set under one of these names.
create or replace function howdah_private.first_member(config jsonb, variadic names text[])
  returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select first_member.config ->> n.name
  from unnest(first_member.names) with ordinality as n (name, place)
  where first_member.config ->> n.name is not null
  order by n.place
  limit 1
$$;

-- Returns the model that a document describes, and the parameters of requests for speech. With an
-- address, any provider is a server with the API of OpenAI.
create or replace function howdah_private.model_in(config jsonb, purpose howdah.model_purpose)
  returns table (provider text, model text, base_url text, request_params jsonb)
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select
    case when r.url is not null and not howdah_private.is_provider(r.name) then 'openai-compatible'
      else r.name end,
    coalesce(howdah_private.first_member(config, 'model', 'model_id', 'model_name'), ''), r.url,
    case when model_in.purpose = 'llm' then '{}' else jsonb_strip_nulls(jsonb_build_object(
      'voice', howdah_private.first_member(config, 'voice_id', 'voice'),
      'response_format', config -> 'output_format', 'sample_rate', config -> 'sample_rate',
      'language', config -> 'language', 'path', config -> 'path')) end
  from howdah_private.resolve_provider(coalesce(config ->> 'provider', 'openai'),
    howdah_private.base_url_in(config, model_in.purpose)) as r
$$;

-- Returns the base_url of the model row for a document. Chat completions are requested at this URL
-- followed by /chat/completions. A host of a vendor without a path means the usual address there.
create or replace function howdah_private.base_url_in(config jsonb, purpose howdah.model_purpose)
  returns text
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_url text := rtrim(
    howdah_private.first_member(config, 'api_url', 'url', 'base_url', 'endpoint'), '/');
  v_path text := ltrim(coalesce(config ->> 'completions_path', ''), '/');
  v_vendor record;
begin
  if base_url_in.purpose <> 'llm' or v_path = '' then
    select v.openai_url, lower(config ->> 'provider') = any (v.name || v.aliases) as is_named
    into v_vendor
    from howdah_private.model_vendors() as v
    where substring(lower(v_url) from '^https://([^/]+\.[^/]+)$') = any (v.aliases)
      and not v.is_local;
    if v_vendor.openai_url is not null or v_vendor.is_named then
      return v_vendor.openai_url;
    end if;
    return regexp_replace(v_url, '/chat/completions$', '');
  elsif v_path !~ '(^|/)chat/completions$' then
    raise exception using errcode = 'HWINV',
      message = format('completions_path %L does not end with /chat/completions',
        config ->> 'completions_path'),
      detail = '{"field": "llm_provider_config.completions_path"}',
      hint = 'Howdah uses the chat completions API of OpenAI: '
        'set a path such as /v1/chat/completions.';
  elsif v_url is null then
    raise exception using errcode = 'HWINV',
      message = 'completions_path is set, but api_url is missing',
      detail = '{"field": "llm_provider_config.api_url"}',
      hint = 'Set api_url, such as https://api.openai.com.';
  end if;
  return rtrim(v_url || '/' || regexp_replace(v_path, '/?chat/completions$', ''), '/');
end $$;

-- Writes the model row and puts it before all other models of that purpose. The secret must be
-- stored already; null means none.
create or replace function howdah_private.set_provider_config(
  agent_id uuid, purpose howdah.model_purpose, config jsonb, secret_name text
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := howdah_private.own_model_name(set_provider_config.agent_id,
    set_provider_config.purpose);
  v_document jsonb := '{"provider": "openai"}' || jsonb_strip_nulls(config - 'api_key');
  v_others text[];
  v_params jsonb;
  v_model record;
begin
  select d.* into v_model
  from howdah_private.model_in(v_document, set_provider_config.purpose) as d;
  insert into howdah.models as m (name, provider, model, purpose, base_url, secret_name,
    capabilities)
  values (v_name, v_model.provider, v_model.model, set_provider_config.purpose, v_model.base_url,
    set_provider_config.secret_name, jsonb_build_object('provider_config', v_document))
  on conflict (tenant_id, name) do update
  set provider = excluded.provider, model = excluded.model, base_url = excluded.base_url,
    secret_name = excluded.secret_name,
    capabilities = m.capabilities - 'completions_path' || excluded.capabilities
  where (m.provider, m.model, m.base_url, m.secret_name, m.capabilities -> 'provider_config')
    is distinct from (excluded.provider, excluded.model, excluded.base_url, excluded.secret_name,
      excluded.capabilities -> 'provider_config');
  if set_provider_config.secret_name is null then
    perform howdah_private.drop_own_secret(set_provider_config.agent_id,
      set_provider_config.purpose);
  end if;
  if set_provider_config.purpose <> 'llm' then
    v_params := v_model.request_params;
  else
    select x.request_params into v_params from howdah.agent_models as x
    where x.agent_id = set_provider_config.agent_id and x.purpose = 'llm'
    order by x.position limit 1;
  end if;
  v_others := array(
    select m.name from howdah.agent_models as x
    join howdah.models as m on m.id = x.model_id
    where x.agent_id = set_provider_config.agent_id and x.purpose = set_provider_config.purpose
      and m.name <> v_name
      and x.position > 1
    order by x.position);
  perform howdah_private.set_agent_models(set_provider_config.agent_id, set_provider_config.purpose,
    v_name || v_others, v_params);
end $$;

-- Deletes the key that was stored for a provider configuration, unless something else uses it now.
-- The key has the name of the agent's row in howdah.models.
create or replace function howdah_private.drop_own_secret(
  agent_id uuid, purpose howdah.model_purpose
) returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_tenant_id constant uuid := howdah.current_tenant();
  v_id uuid;
begin
  select s.id into v_id from howdah.secrets as s
  where s.tenant_id = v_tenant_id
    and s.name = howdah_private.own_model_name(drop_own_secret.agent_id, drop_own_secret.purpose)
  for update;
  if v_id is not null then
    perform howdah_private.permit('secrets', 'manage');
    delete from howdah.secrets as s
    where s.id = v_id and not exists (
      select from howdah_private.users_of_secret(s.tenant_id, s.name));
  end if;
end $$;

-- Removes the first model of that purpose from the agent, and deletes the model row that belongs to
-- the agent alone, and its key.
create or replace function howdah_private.drop_provider_config(
  agent_id uuid, purpose howdah.model_purpose
) returns void
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name text := howdah_private.own_model_name(drop_provider_config.agent_id,
    drop_provider_config.purpose);
begin
  delete from howdah.agent_models as x
  where x.agent_id = drop_provider_config.agent_id and x.purpose = drop_provider_config.purpose
    and (x.position = 1 or x.model_id = (
      select m.id from howdah.models as m
      where m.tenant_id = howdah.current_tenant() and m.name = v_name));
  delete from howdah.models as m where m.tenant_id = howdah.current_tenant() and m.name = v_name;
  perform howdah_private.drop_own_secret(drop_provider_config.agent_id,
    drop_provider_config.purpose);
end $$;

-- Deletes the models and keys that belong to deleted agents alone, once their last run has ended:
-- live runs continue with the version that they began with. Returns the number of models. The
-- hour lets inserts of runs end that began before the agent was deleted.
create or replace function howdah_private.delete_abandoned_provider_configs() returns int
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own record;
  v_count int := 0;
begin
  for v_own in
    select m.tenant_id, m.id, m.name, a.id as agent_id
    from howdah.models as m
    join howdah.agents as a on a.tenant_id = m.tenant_id
      and a.id = howdah_private.parse_id(substring(m.name from '^agent-([0-9a-f-]{36})-[a-z]+$'))
    where m.name = howdah_private.own_model_name(a.id, m.purpose)
      and a.deleted_at < now() - interval '1 hour'
      and not exists (select from howdah.executions as e
        where e.tenant_id = a.tenant_id and e.agent_id = a.id and e.completed_at is null)
      and not exists (select from howdah.agent_models as x
        where x.tenant_id = m.tenant_id and x.model_id = m.id and x.agent_id <> a.id)
    order by m.id
  loop
    perform from howdah.secrets as s
    where s.tenant_id = v_own.tenant_id and s.name = v_own.name for update;
    delete from howdah.agent_models as x
    where x.agent_id = v_own.agent_id and x.model_id = v_own.id;
    delete from howdah.models as m where m.id = v_own.id;
    delete from howdah.secrets as s
    where s.tenant_id = v_own.tenant_id and s.name = v_own.name and not exists (
      select from howdah_private.users_of_secret(s.tenant_id, s.name));
    v_count := v_count + 1;
  end loop;
  return v_count;
end $$;
