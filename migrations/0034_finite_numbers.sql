-- Up Migration
-- NaN is larger than every number to Postgres, so it passed as a positive one: a limit that nothing reaches, a price that
-- makes every sum NaN. One that is not finite never limited anything.
update howdah.agents set max_cost = null where max_cost >= 'Infinity';
update howdah.models set input_price = null where input_price >= 'Infinity';
update howdah.models set output_price = null where output_price >= 'Infinity';
set constraints all immediate;
alter table howdah.agents add constraint max_cost_is_finite check (max_cost < 'Infinity');
alter table howdah.models add constraint prices_are_finite check (input_price < 'Infinity' and output_price < 'Infinity');

-- Down Migration
alter table howdah.models drop constraint prices_are_finite;
alter table howdah.agents drop constraint max_cost_is_finite;
