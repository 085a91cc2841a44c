-- Updates the model named default of every tenant from the environment at each start, until a user
-- edits it. Prices and the context window of another model are not kept.
create or replace function howdah_private.sync_default_model(provider text, model text) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah.models as m
  set provider = sync_default_model.provider, model = sync_default_model.model,
    input_price = null, output_price = null, cached_input_price = null, cache_write_price = null,
    unit_price = null, price_unit = null, context_tokens = null
  where m.name = 'default' and m.from_environment
    and (m.provider, m.model)
      is distinct from (sync_default_model.provider, sync_default_model.model)
$$;
