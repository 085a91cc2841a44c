-- Checks models and marks the agents that use them stale.

-- Stops a model from following the environment when a user edits it. The sync with the environment
-- runs as howdah_engine and does not fire this trigger.
create or replace function howdah_private.tg_models__adopt() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.from_environment := false;
  return new;
end $$;

-- Marks agents that have the model stale. The model named default and fallbacks are also the models
-- of all agents that have none.
create or replace function howdah_private.tg_models__mark_stale() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.mark_agents_stale(array_agg(a.id))
  from howdah.agents as a
  where a.tenant_id = coalesce(new.tenant_id, old.tenant_id)
    and (
      exists (
        select from howdah.agent_models as am where am.agent_id = a.id and am.model_id = new.id)
      or (('default' in (old.name, new.name)
          or coalesce(new.fallback_position, old.fallback_position) is not null)
        and not exists (select from howdah.agent_models as am
          where am.agent_id = a.id and am.purpose = 'llm'))
    );
  return null;
end $$;

-- Completes a model of which only the name is given: the name is also the id of the model, and the
-- vendor that has a model of this name provides it.
create or replace function howdah_private.tg_models__complete() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  new.model := coalesce(new.model, new.name);
  new.provider := coalesce(new.provider,
    howdah_private.provider_of_model(new.model, new.base_url));
  return new;
end $$;

-- Refuses IP addresses and private host names in base_url.
create or replace function howdah_private.tg_models__refuse_private() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.check_machine('base_url', new.base_url);
  return new;
end $$;

-- Stores the name of the vendor for one of its other names, and refuses a provider that no process
-- can use. The address of a provider that is a host name changes with the provider. The host of a
-- vendor alone becomes the usual address there.
create or replace function howdah_private.tg_models__check_provider() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_url text;
begin
  if tg_op = 'UPDATE' and new.provider <> old.provider
    and new.base_url = (select r.url from howdah_private.resolve_provider(old.provider, null) as r)
  then
    new.base_url := null;
  end if;
  select r.name, r.url into new.provider, v_url
  from howdah_private.resolve_provider(new.provider, new.base_url) as r;
  if new.base_url is null then
    perform howdah_private.check_machine('provider', v_url);
  end if;
  new.base_url := v_url;
  perform howdah_private.check_host_name(new.provider)
  from howdah_private.resolve_provider(new.provider, null) as r where r.url = new.base_url;
  perform howdah_private.check_provider(new);
  return new;
end $$;

-- Records whether the address of a model was written by a caller who may not name addresses of the
-- machine. The name of the host is checked here, and its addresses when a worker connects.
create or replace function howdah_private.tg_models__guard() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  if tg_op = 'INSERT' or new.base_url is distinct from old.base_url then
    new.is_guarded := new.base_url is not null
      and not (new.from_environment or howdah_private.owns_machine());
  end if;
  return new;
end $$;

-- Locks the secret of a model, so that it cannot be deleted before this model is visible.
create or replace function howdah_private.tg_models__check_secret() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
begin
  perform howdah_private.lock_secrets(new.tenant_id, array[new.secret_name]);
  return new;
end $$;

-- Refuses passwords and keys in base_url, capabilities and request_params, because every user who
-- may read models would see them. Refuses parameters that Howdah sets itself.
create or replace function howdah_private.tg_models__refuse_keys() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
begin
  if new.base_url ~* '^(http|ws)s?://[^/?#\s]*@' then
    raise exception using errcode = 'HWINV',
      message = 'base_url contains a user name or password before its host',
      detail = jsonb_build_object('field', 'base_url')::text,
      hint = format('Use %s. Store a key as a secret (howdah admin secret set NAME) '
        'and set secret_name to its name.',
        regexp_replace(new.base_url, '^((?:http|ws)s?://)[^/?#\s]*@([^?#\s]*).*$', '\1\2', 'i'));
  end if;
  perform howdah_private.check_plain_secrets('base_url',
    to_jsonb(substring(new.base_url from '(?i)^(?:http|ws)s?://[^/@?#\s]+([/?#].*)$')));
  perform howdah_private.check_plain_secrets('capabilities', new.capabilities);
  perform howdah_private.check_plain_secrets('request_params', new.request_params);
  perform howdah_private.check_request_params('request_params', new.request_params);
  return new;
end $$;

-- Tells who changes a model that its prices were set for another one, if the catalogue has others.
create or replace function howdah_private.notice_previous_prices(m howdah.models, previous text)
  returns void
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
begin
  if num_nonnulls((m).input_price, (m).output_price, (m).cached_input_price,
      (m).cache_write_price, (m).unit_price) > 0
    and howdah_private.catalog_entry((m).provider, (m).model, (m).base_url) is not null
    and not howdah_private.is_at_other_address(m)
  then
    raise notice 'model % keeps the prices that were set for %', (m).name, previous
      using hint = 'To take those of the catalogue, set all prices to null.';
  end if;
end $$;

-- Expands the alias of a model, and gives a model without prices those of the catalogue. A changed
-- price was written by a person: the catalogue does not replace it. Raises a notice for a name that
-- is nearly that of a known model.
create or replace function howdah_private.tg_models__use_catalog() returns trigger
  language plpgsql volatile
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_own howdah.models; -- without what the catalogue said about the model that it was
begin
  new.model := howdah_private.model_id_of(new.provider, new.model);
  if tg_op = 'UPDATE' then
    v_own := case when (new.provider, new.model, new.base_url)
        is distinct from (old.provider, old.model, old.base_url)
        or howdah_private.is_at_other_address(new)
      then howdah_private.without_catalog(new, old) else new end;
    if (new.input_price, new.output_price, new.cached_input_price, new.cache_write_price,
        new.unit_price, new.price_unit)
      is distinct from (old.input_price, old.output_price, old.cached_input_price,
        old.cache_write_price, old.unit_price, old.price_unit) then
      new.prices_from := null;
      new.context_tokens := v_own.context_tokens;
      new.capabilities := v_own.capabilities;
    else
      new := v_own;
      perform howdah_private.notice_previous_prices(new, old.model)
      where (new.provider, new.model) is distinct from (old.provider, old.model);
    end if;
  end if;
  if tg_op = 'INSERT' or (new.provider, new.model) is distinct from (old.provider, old.model) then
    perform howdah_private.notice_misspelt_model(new);
  end if;
  return howdah_private.with_catalog(new);
end $$;

-- Tells who writes a model why its calls may fail.
create or replace function howdah_private.tg_models__notice_warnings() returns trigger
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_warning text;
begin
  foreach v_warning in array howdah.models_warnings(new) loop
    raise notice '%', v_warning;
  end loop;
  return null;
end $$;
create or replace trigger _600_notice_warnings
  after insert or update of provider, base_url, purpose on howdah.models
  for each row when (new.purpose in ('tts', 'stt'))
  execute function howdah_private.tg_models__notice_warnings();
create or replace trigger _050_complete before insert or update of provider, model on howdah.models
  for each row when (new.provider is null or new.model is null)
  execute function howdah_private.tg_models__complete();
create or replace trigger _200_adopt
  before update of provider, model, base_url, secret_name, name on howdah.models
  for each row when (old.from_environment and current_user <> 'howdah_engine')
  execute function howdah_private.tg_models__adopt();
create or replace trigger _210_adopt
  before update of purpose, request_params, fallback_position on howdah.models
  for each row when (old.from_environment and old.name <> 'default'
    and current_user <> 'howdah_engine')
  execute function howdah_private.tg_models__adopt();
create or replace trigger _450_use_catalog
  before insert or update of provider, model, base_url, input_price, output_price,
    cached_input_price, cache_write_price, unit_price, price_unit
  on howdah.models
  for each row execute function howdah_private.tg_models__use_catalog();
create or replace trigger _500_mark_stale
  after update of name, provider, model, base_url, secret_name, context_tokens, capabilities,
    request_params, fallback_position, purpose
  on howdah.models
  for each row when (old.* is distinct from new.*)
  execute function howdah_private.tg_models__mark_stale();
create or replace trigger _530_mark_stale
  after update of input_price, output_price, cached_input_price, cache_write_price, unit_price
  on howdah.models
  for each row when (
    (old.context_tokens, old.capabilities) is distinct from (new.context_tokens, new.capabilities))
  execute function howdah_private.tg_models__mark_stale();
create or replace trigger _510_mark_stale
  after insert on howdah.models
  for each row when (new.name = 'default' or new.fallback_position is not null)
  execute function howdah_private.tg_models__mark_stale();
create or replace trigger _520_mark_stale
  after delete on howdah.models
  for each row when (old.name = 'default' or old.fallback_position is not null)
  execute function howdah_private.tg_models__mark_stale();
create or replace trigger _300_refuse_private before insert or update of base_url on howdah.models
  for each row when (new.base_url is not null)
  execute function howdah_private.tg_models__refuse_private();
create or replace trigger _420_guard before insert or update of provider, base_url on howdah.models
  for each row execute function howdah_private.tg_models__guard();
create or replace trigger _300_check_secret
  before insert or update of secret_name, tenant_id on howdah.models
  for each row when (new.secret_name is not null)
  execute function howdah_private.tg_models__check_secret();
create or replace trigger _300_refuse_keys
  before insert or update of base_url, capabilities, request_params on howdah.models
  for each row execute function howdah_private.tg_models__refuse_keys();
create or replace trigger _310_refuse_keys
  before insert or update of name, provider, model, domain on howdah.models
  for each row execute function
    howdah_private.tg__refuse_keys_in_texts('name', 'provider', 'model', 'domain');
create or replace trigger _400_check_provider before insert on howdah.models
  for each row when (not new.from_environment)
  execute function howdah_private.tg_models__check_provider();
create or replace trigger _410_check_provider
  before update of provider, base_url, secret_name, purpose on howdah.models
  for each row when (not new.from_environment
    and (old.provider, old.base_url, old.secret_name, old.purpose)
      is distinct from (new.provider, new.base_url, new.secret_name, new.purpose))
  execute function howdah_private.tg_models__check_provider();
