-- What the tokens of a call cost, by the prices of now. Prices are per million.
create or replace function howdah_private.price(tokens_in int, tokens_out int, m howdah.models) returns numeric
  language sql immutable
  set search_path = ''
as $$
  select trim_scale((
    coalesce(price.tokens_in * m.input_price, 0) + coalesce(price.tokens_out * m.output_price, 0)
  ) / 1000000)
$$;
