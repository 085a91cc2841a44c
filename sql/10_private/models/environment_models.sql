-- Models that the environment of a worker describes, as rows of the tenant default. A row follows
-- the environment while from_environment is set, until a person edits it. The model named default
-- is not one of these rows: sync_default_model writes it in all tenants.
--
-- A caller locks first, then stores the keys as secrets, and writes the rows in the same
-- transaction. Processes that start at the same time therefore write one after the other, and a
-- secret exists exactly if its row does.

-- Waits until no other process writes the models of the environment in this tenant.
create or replace function howdah_private.lock_environment_models(tenant_id uuid) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select pg_advisory_xact_lock(
    hashtextextended('howdah.environment ' || lock_environment_models.tenant_id, 0))
$$;

-- Writes the models that the environment describes. A row of a person with the same name stays as
-- it is. A row whose variables are gone stays for agents that name it, but is no fallback any more.
-- Prices and the context window of another model are not kept.
create or replace function howdah_private.sync_environment_models(tenant_id uuid, models jsonb)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  with described as (
    select * from jsonb_to_recordset(sync_environment_models.models) as x (
      name text, purpose howdah.model_purpose, provider text, model text, base_url text,
      secret_name text, request_params jsonb, fallback_position int)
  ),
  written as (
    insert into howdah.models as m (tenant_id, name, purpose, provider, model, base_url,
      secret_name, request_params, fallback_position, from_environment)
    select sync_environment_models.tenant_id, d.name, d.purpose, d.provider, d.model, d.base_url,
      d.secret_name, d.request_params, d.fallback_position, true
    from described as d
    on conflict (tenant_id, name) do update
    set purpose = excluded.purpose, provider = excluded.provider, model = excluded.model,
      base_url = excluded.base_url, secret_name = excluded.secret_name,
      request_params = excluded.request_params, fallback_position = excluded.fallback_position,
      (input_price, output_price, cached_input_price, cache_write_price, unit_price, price_unit,
        context_tokens) = (
        select m.input_price, m.output_price, m.cached_input_price, m.cache_write_price,
          m.unit_price, m.price_unit, m.context_tokens
        where (m.provider, m.model) = (excluded.provider, excluded.model))
    where m.from_environment
      and (m.purpose, m.provider, m.model, m.base_url, m.secret_name, m.request_params,
        m.fallback_position)
      is distinct from (excluded.purpose, excluded.provider, excluded.model, excluded.base_url,
        excluded.secret_name, excluded.request_params, excluded.fallback_position)
  )
  update howdah.models as m set fallback_position = null
  where m.tenant_id = sync_environment_models.tenant_id and m.from_environment
    and m.name <> 'default' and m.fallback_position is not null
    and m.name not in (select d.name from described as d)
$$;

-- Returns a hint for a model that is looked for and not there. The database does not know the
-- environment, so it names the command that does. Null for purposes without such variables.
create or replace function howdah_private.environment_model_hint(purpose text) returns text
  language sql immutable
  return case when purpose in ('tts', 'stt', 'embedding')
    then format('If %s_* variables of the environment describe it, howdah doctor says why they are '
      'not used.', upper(purpose)) end;
