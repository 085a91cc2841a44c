-- Prices of model calls.

-- Returns a number as a count between 0 and `most`; anything else is 0.
create or replace function howdah_private.count_in(value jsonb, most int) returns int
  language sql immutable
  return case when jsonb_typeof(value) = 'number'
    then trunc(least(greatest(value::numeric, 0), coalesce(most, 0)))::int else 0 end;

-- Returns the number of input tokens that the provider read from its prompt cache. Numbers of
-- providers are not trusted: the result is never negative, and never above the tokens of the input.
create or replace function howdah_private.cached_tokens(usage jsonb, tokens_in int) returns int
  language sql immutable
  return howdah_private.count_in(usage -> 'cached_tokens', tokens_in);

-- Returns the number of input tokens that the provider wrote to its prompt cache. A token counts
-- once: what was read was not written.
create or replace function howdah_private.cache_write_tokens(usage jsonb, tokens_in int) returns int
  language sql immutable
  return howdah_private.count_in(usage -> 'cache_write_tokens',
    tokens_in - howdah_private.cached_tokens(usage, tokens_in));

-- Returns what the use of the prompt cache adds to the cost of the input at its plain price, in
-- millionths. It is negative where the cache saves money.
create or replace function howdah_private.cache_surcharge(
  tokens_in int, m howdah.models, usage jsonb
) returns numeric
  language sql immutable
  return howdah_private.cached_tokens(usage, tokens_in)
      * coalesce((m).cached_input_price - coalesce((m).input_price, 0), 0)
    + howdah_private.cache_write_tokens(usage, tokens_in)
      * coalesce((m).cache_write_price - coalesce((m).input_price, 0), 0);

-- Returns the cost of the units that a call used, such as the characters of a spoken text:
-- `usage` -> 'units' is {"character": 6}. A negative number of a provider counts as 0.
create or replace function howdah_private.unit_cost(m howdah.models, usage jsonb) returns numeric
  language sql immutable
  return case when jsonb_typeof(usage -> 'units' -> (m).price_unit) = 'number'
    then greatest((usage -> 'units' ->> (m).price_unit)::numeric, 0) * coalesce((m).unit_price, 0)
    else 0 end;

-- Returns the cost of a call at current prices. Prices of tokens are per million. A call without a
-- model costs nothing. `usage` is what the step of the call says about its prompt cache, whose
-- tokens have prices of their own, and about the units that it used.
create or replace function howdah_private.price(
  tokens_in int, tokens_out int, m howdah.models, usage jsonb default null
) returns numeric
  language sql immutable
  return trim_scale((
    coalesce(tokens_in * (m).input_price, 0) + coalesce(tokens_out * (m).output_price, 0)
    + case when usage is null then 0
      else howdah_private.cache_surcharge(tokens_in, m, usage) end
  ) / 1000000 + case when usage is null then 0 else howdah_private.unit_cost(m, usage) end);
