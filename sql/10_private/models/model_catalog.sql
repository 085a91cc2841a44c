-- The catalogue of known models. A model that nobody has priced takes its prices, context window
-- and modalities from it; prices_from says so. The facts are those of the vendor at its own
-- address.

-- Returns the model that a name stands for at a provider: an alias such as sonnet, or the name of a
-- known model behind the name of its provider, as in anthropic/claude-sonnet-4-5. Any other name is
-- returned as it is.
create or replace function howdah_private.model_id_of(provider text, model text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select a.model
      from jsonb_to_recordset(howdah_private.model_catalog_document() -> 'aliases')
        as a (vendor text, alias text, model text)
      where a.vendor = model_id_of.provider and a.alias = n.name
    ),
    case when howdah_private.catalog_entry(model_id_of.provider, n.name, null) is not null
      then n.name end,
    model_id_of.model)
  from (
    select case when starts_with(model_id_of.model, model_id_of.provider || '/')
      then substr(model_id_of.model, length(model_id_of.provider) + 2)
      else model_id_of.model end
  ) as n (name)
$$;

-- Returns the provider of a model that names none: the vendor that has a model with this name or
-- alias, else openai. A server with an address of its own is one with the API of OpenAI.
create or replace function howdah_private.provider_of_model(model text, base_url text) returns text
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (
      select v.name from (select howdah_private.model_catalog_document()) as d (document)
      cross join howdah_private.model_vendors() with ordinality
        as v (name, title, package, is_bundled, openai_url, is_local, aliases, key_variables,
          settings, key_pair, place)
      where provider_of_model.base_url is null and (
        exists (
          select from jsonb_to_recordset(d.document -> 'aliases') as a (vendor text, alias text)
          where a.vendor = v.name and a.alias = provider_of_model.model)
        or howdah_private.catalog_entry(v.name, provider_of_model.model, null) is not null)
      order by v.place
      limit 1
    ),
    'openai')
$$;

-- Returns the entry of a model in the catalogue, or null. A model at another address than that of
-- its vendor is unknown: a proxy has prices of its own. The id may end with a date.
create or replace function howdah_private.catalog_entry(provider text, model text, base_url text)
  returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select m.entry
  from (select howdah_private.model_catalog_document()) as d (document)
  cross join jsonb_array_elements(d.document -> 'models') as m (entry)
  where m.entry ->> 'vendor' = catalog_entry.provider
    and (catalog_entry.base_url is null
      or d.document -> 'addresses' -> catalog_entry.provider ? rtrim(catalog_entry.base_url, '/'))
    and (m.entry -> 'also' ? catalog_entry.model
      or m.entry ->> 'name'
        in (catalog_entry.model, regexp_replace(catalog_entry.model, '-\d{8}$', '')))
  order by m.entry ->> 'name' = catalog_entry.model desc,
    m.entry -> 'also' ? catalog_entry.model desc
  limit 1
$$;

-- Returns the capabilities of a model that the catalogue knows: the modalities of its input.
create or replace function howdah_private.catalog_capabilities(entry jsonb) returns jsonb
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(json_object_agg(c.name, true)::jsonb, '{}')
  from (values ('images', 'image'), ('audio', 'audio')) as c (name, modality)
  where catalog_capabilities.entry -> 'input' ? c.modality
$$;

-- Returns the model without what it has from the catalogue. `known` is the model as it was when it
-- took the facts; by default it is still the same.
create or replace function howdah_private.without_catalog(
  m howdah.models, known howdah.models default null
) returns howdah.models
  language plpgsql immutable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known howdah.models := case when known.id is null then m else known end;
  v_entry jsonb := howdah_private.catalog_entry(v_known.provider, v_known.model, v_known.base_url);
  v_capabilities jsonb := howdah_private.catalog_capabilities(v_entry);
begin
  if m.prices_from is null then
    return m;
  end if;
  m.input_price := null;
  m.output_price := null;
  m.cached_input_price := null;
  m.cache_write_price := null;
  m.unit_price := null;
  m.price_unit := null;
  m.prices_from := null;
  m.context_tokens := nullif(m.context_tokens, (v_entry ->> 'context_tokens')::int);
  m.capabilities := m.capabilities - array(
    select c.key from jsonb_each(v_capabilities) as c where m.capabilities -> c.key = c.value);
  return m;
end $$;

-- Returns whether a model is at the server of OPENAI_BASE_URL, which has no known prices.
create or replace function howdah_private.is_at_other_address(m howdah.models) returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select (m).provider = 'openai' and (m).base_url is null
    and howdah_private.is_provider_reported('openai', 'address')
$$;

-- Returns the model with what the catalogue knows, if it has no price. Its own context window and
-- capabilities take precedence.
create or replace function howdah_private.with_catalog(m howdah.models) returns howdah.models
  language plpgsql stable
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_entry jsonb := howdah_private.catalog_entry(m.provider, m.model, m.base_url);
begin
  if v_entry is null or num_nonnulls(m.input_price, m.output_price, m.cached_input_price,
      m.cache_write_price, m.unit_price) > 0
    or howdah_private.is_at_other_address(m) then
    return m;
  end if;
  m.input_price := v_entry ->> 'input_price';
  m.output_price := v_entry ->> 'output_price';
  m.cached_input_price := v_entry ->> 'cached_input_price';
  m.cache_write_price := v_entry ->> 'cache_write_price';
  m.unit_price := v_entry ->> 'unit_price';
  m.price_unit := v_entry ->> 'price_unit';
  m.prices_from := 'catalog ' || (howdah_private.model_catalog_document() ->> 'as_of');
  m.context_tokens := coalesce(m.context_tokens, (v_entry ->> 'context_tokens')::int);
  m.capabilities := howdah_private.catalog_capabilities(v_entry) || m.capabilities;
  return m;
end $$;

-- Raises a notice for a model without prices whose name resembles that of a known model, as sonet.
-- A name that differs only in digits, points and dashes is another version, such as a newer one.
create or replace function howdah_private.notice_misspelt_model(m howdah.models) returns void
  language plpgsql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_known text[];
  v_near text;
begin
  if m.provider not in ('anthropic', 'google', 'openai') or m.base_url is not null
    or num_nonnulls(m.input_price, m.output_price, m.unit_price) > 0
    or howdah_private.catalog_entry(m.provider, m.model, null) is not null
    or howdah_private.is_at_other_address(m) then
    return;
  end if;
  v_known := array(
    select w.word from howdah.model_catalog as c
    cross join lateral unnest(c.name || c.aliases) as w (word)
    where c.vendor = m.provider and c.purpose = m.purpose::text
    order by w.word);
  v_near := howdah_private.nearest_word(left(m.model, 60), v_known);
  if v_near is not null and not exists (
    select from unnest(v_known) as k (word)
    where regexp_replace(k.word, '[0-9.-]+', '', 'g')
      = regexp_replace(m.model, '[0-9.-]+', '', 'g')
  ) then
    raise notice 'model % of % is not in the catalogue, so its prices are unknown',
      m.model, m.provider using hint = format('Did you mean %s?', v_near);
  end if;
end $$;
