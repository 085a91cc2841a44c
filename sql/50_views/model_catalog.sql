create or replace view howdah.model_catalog with (security_invoker = true) as
  select c.vendor, c.name, c.title, c.purpose,
    array(
      select a.alias
      from jsonb_to_recordset(d.document -> 'aliases') as a (vendor text, alias text, model text)
      where a.vendor = c.vendor and (a.model = c.name or a.model = any (c.also))
      order by a.alias
    ) as aliases,
    c.context_tokens, c.max_output_tokens, c.input as input_modalities,
    c.output as output_modalities, c.capabilities, c.input_price, c.cached_input_price,
    c.cache_write_price, c.output_price, c.unit_price, c.price_unit,
    (d.document ->> 'as_of')::date as as_of, d.document ->> 'source' as source,
    concat_ws(', ', d.document #>> '{facts,source}', d.document #>> '{facts,as_of}') as facts_source
  from (select howdah_private.model_catalog_document()) as d (document)
  cross join jsonb_to_recordset(d.document -> 'models') as c (
    vendor text, name text, title text, purpose text, also text[], context_tokens int,
    max_output_tokens int, input text[], output text[], capabilities jsonb, input_price numeric,
    cached_input_price numeric, cache_write_price numeric, output_price numeric,
    unit_price numeric, price_unit text
  );
comment on view howdah.model_catalog is
  'Known models of vendors, with their prices on a day. A model without prices takes them from '
  'here: prices_from says so. Facts that nobody knows are null. Of prices that depend on the '
  'length of the prompt, the price of short prompts.';
comment on column howdah.model_catalog.vendor is 'The provider, as in howdah.models.provider.';
comment on column howdah.model_catalog.name is 'The id of the model at the vendor.';
comment on column howdah.model_catalog.title is 'The name of the model in the words of the vendor.';
comment on column howdah.model_catalog.purpose is 'The purpose, as in howdah.models.purpose.';
comment on column howdah.model_catalog.aliases is
  'Names that may be written instead of the id, such as sonnet.';
comment on column howdah.model_catalog.context_tokens is 'Size of the context window, in tokens.';
comment on column howdah.model_catalog.max_output_tokens is 'Maximum number of tokens of an '
  'answer.';
comment on column howdah.model_catalog.input_modalities is
  'What the model reads: text, image, audio or video.';
comment on column howdah.model_catalog.output_modalities is
  'What the model writes: text, image, audio or video.';
comment on column howdah.model_catalog.capabilities is
  'What the model can do, such as {"tools": true}. What is absent is unknown.';
comment on column howdah.model_catalog.input_price is 'Price of a million input tokens, in USD.';
comment on column howdah.model_catalog.cached_input_price is
  'Price of a million input tokens read from the prompt cache, in USD.';
comment on column howdah.model_catalog.cache_write_price is
  'Price of a million input tokens written to the prompt cache, in USD.';
comment on column howdah.model_catalog.output_price is 'Price of a million output tokens, in USD.';
comment on column howdah.model_catalog.unit_price is 'Price of one unit of price_unit, in USD.';
comment on column howdah.model_catalog.price_unit is
  'Unit of unit_price: a minute of audio, a character of text, an image or a request.';
comment on column howdah.model_catalog.as_of is 'The day of the prices.';
comment on column howdah.model_catalog.source is
  'The package that names, prices and most context windows come from.';
comment on column howdah.model_catalog.facts_source is
  'The reviewed source of the other facts, with its day: longest answers, modalities, '
  'capabilities, and context windows that the package lacks.';
