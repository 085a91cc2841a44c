-- Returns the cost of the tokens of a call at current prices. Prices are per million tokens. A call
-- without a model costs nothing.
create or replace function howdah_private.price(tokens_in int, tokens_out int, m howdah.models)
  returns numeric
  language sql immutable
  return trim_scale((
    coalesce(tokens_in * (m).input_price, 0) + coalesce(tokens_out * (m).output_price, 0)
  ) / 1000000);
