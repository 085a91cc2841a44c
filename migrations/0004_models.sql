-- Up Migration
create table howdah.models (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  provider text not null,
  model text not null,
  purpose howdah.model_purpose not null default 'llm',
  domain text,
  base_url text,
  capabilities jsonb not null default '{}',
  input_price numeric,
  output_price numeric,
  context_tokens int,
  from_environment boolean not null default false,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  constraint capabilities_are_an_object check (jsonb_typeof(capabilities) = 'object'),
  constraint prices_are_not_negative check (input_price >= 0 and output_price >= 0),
  constraint context_tokens_are_positive check (context_tokens > 0),
  constraint base_url_is_http check (base_url ~* '^https?://[^/@?#\s]+([/?#]\S*)?$')
);
alter table howdah.models enable row level security, force row level security;
comment on table howdah.models is
  'Models agents may use: a provider (openai and everything compatible, local, scripted) and that provider''s own id of the model.';
comment on column howdah.models.model is 'The provider''s own id of the model, such as gpt-5-mini.';
comment on column howdah.models.base_url is 'An OpenAI-compatible endpoint. Without one the environment''s URL and key are used; with one and no secret no key is sent.';
comment on column howdah.models.input_price is 'Price of a million input tokens. Read when a step commits.';
comment on column howdah.models.output_price is 'Price of a million output tokens. Read when a step commits.';
comment on column howdah.models.from_environment is 'True while the row follows the environment; a person''s edit ends that.';

-- Down Migration
drop table howdah.models;
