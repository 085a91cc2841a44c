-- Up Migration
-- Numbers the engine goes by that were constants: of one tenant, or of all that say nothing themselves.
create type howdah.setting_scope as enum ('tenant', 'system');
comment on type howdah.setting_scope is 'For one tenant, or for every tenant that has none of its own.';
create table howdah.settings (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  scope howdah.setting_scope not null default 'tenant',
  key text not null,
  value jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, scope, key),
  constraint value_is_a_number check (jsonb_typeof(value) = 'number')
);
-- one of each for the whole installation, and what every tenant is asked about beside its own
create unique index settings_of_the_system_key on howdah.settings (key) where scope = 'system';
alter table howdah.settings enable row level security, force row level security;
comment on table howdah.settings is
  'Numbers the engine goes by, where they differ from its defaults; setting_values says which there are and what holds.';
comment on column howdah.settings.scope is
  'tenant: for this tenant. system: for every tenant that has none of its own; written by an owner of the database.';
comment on column howdah.settings.key is 'Which one; setting_values lists them.';
comment on column howdah.settings.value is 'A number within the range that setting_values names.';
comment on column howdah.agents.max_steps is 'Model answers a run may take; null: what the settings say, else 50.';
comment on column howdah.agents.max_seconds is 'Seconds a run may be active, waiting not counted; null: what the settings say, else 600.';
comment on column howdah.workflows.max_steps is 'Answers of its own deciding model a run may take; null: what the settings say, else 50.';
comment on column howdah.workflows.max_seconds is 'Seconds a run may be active, waiting for members not counted; null: what the settings say, else 600.';

-- Down Migration
comment on column howdah.agents.max_steps is 'Model answers a run may take; null means 50.';
comment on column howdah.agents.max_seconds is 'Seconds a run may be active, waiting not counted; null means 600.';
comment on column howdah.workflows.max_steps is 'Answers of its own deciding model a run may take; null means 50.';
comment on column howdah.workflows.max_seconds is 'Seconds a run may be active, waiting for members not counted; null means 600.';
drop table howdah.settings;
drop type howdah.setting_scope;
