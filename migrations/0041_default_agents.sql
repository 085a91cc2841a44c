-- Up Migration
-- The agent that is meant when nobody names one: a user's own default, else the tenant's.
alter table howdah.agents add column is_default boolean not null default false;
create unique index agents_default_key on howdah.agents (tenant_id, user_id) nulls not distinct
  where is_default and deleted_at is null;
comment on column howdah.agents.is_default is
  'The one that is meant when nobody names one: of its user, or of the tenant when it is nobody''s. Setting one unsets the other.';

-- Down Migration
alter table howdah.agents drop column is_default;
