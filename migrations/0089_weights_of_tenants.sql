-- Up Migration
-- Shares of tenants that are not equal.
alter table howdah.tenants add column weight int not null default 1
  constraint weight_is_from_1_to_1000 check (weight between 1 and 1000);
comment on column howdah.tenants.weight is
  'Its part where tenants share workers: one of weight 3 has three runs at work for each one of a tenant of weight 1. Set by an owner of the database.';

-- Down Migration
alter table howdah.tenants drop column weight;
