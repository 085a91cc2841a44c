-- Up Migration
create table howdah.agents (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  instruction text not null default '',
  system_prompt text,
  use_history boolean not null default true,
  is_active boolean not null default true,
  user_id uuid,
  capabilities text[] not null default '{}',
  domain text,
  output_schema jsonb,
  max_steps int,
  max_tokens bigint,
  max_cost numeric,
  max_seconds int,
  current_version_id uuid,
  version_is_stale boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete set null (user_id),
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint output_schema_is_an_object check (jsonb_typeof(output_schema) = 'object'),
  constraint limits_are_positive
    check (max_steps > 0 and max_tokens > 0 and max_cost > 0 and max_seconds > 0)
);
create unique index agents_living_name_key on howdah.agents (tenant_id, name) where deleted_at is null;
create index agents_user_id_idx on howdah.agents (tenant_id, user_id);
alter table howdah.agents enable row level security, force row level security;
comment on table howdah.agents is
  'Agents. An edit makes a new version at commit; runs in flight keep the version they pinned.';
comment on column howdah.agents.instruction is 'What this agent is to do: the mission, told to the model first.';
comment on column howdah.agents.system_prompt is 'A generic prompt that stands before the instruction.';
comment on column howdah.agents.use_history is 'Whether earlier runs of the session are told to the model.';
comment on column howdah.agents.output_schema is 'A JSON Schema the answer must satisfy; the parsed answer is executions.output_data.';
comment on column howdah.agents.max_steps is 'Model answers a run may take; null means 50.';
comment on column howdah.agents.max_seconds is 'Seconds a run may be active, waiting not counted; null means 600.';
comment on column howdah.agents.version_is_stale is 'A part changed in this transaction and the version is not written yet.';
comment on column howdah.agents.deleted_at is 'Agents are deleted softly: their versions and runs stay.';

create table howdah.agent_versions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null,
  agent_id uuid not null,
  version int not null,
  definition jsonb not null,
  digest text not null,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  unique (tenant_id, id),
  unique (agent_id, version),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  constraint definition_is_an_object check (jsonb_typeof(definition) = 'object')
);
create index agent_versions_agent_id_idx on howdah.agent_versions (tenant_id, agent_id);
alter table howdah.agent_versions enable row level security, force row level security;
comment on table howdah.agent_versions is
  'What an agent was, whole and by value: one row per transaction of edits that changed something. Never updated, never deleted.';
comment on column howdah.agent_versions.digest is 'SHA-256 of the definition, in hex.';

alter table howdah.agents
  add foreign key (tenant_id, current_version_id)
    references howdah.agent_versions (tenant_id, id) on delete restrict
    deferrable initially deferred;
create index agents_current_version_id_idx on howdah.agents (tenant_id, current_version_id);

create table howdah.agent_models (
  tenant_id uuid not null default howdah.current_tenant(),
  agent_id uuid not null,
  model_id uuid not null,
  purpose howdah.model_purpose not null default 'llm',
  position int not null default 1,
  request_params jsonb not null default '{}',
  primary key (agent_id, purpose, position),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, model_id) references howdah.models (tenant_id, id) on delete restrict,
  constraint position_counts_from_one check (position >= 1),
  constraint request_params_are_an_object check (jsonb_typeof(request_params) = 'object')
);
create index agent_models_agent_id_idx on howdah.agent_models (tenant_id, agent_id);
create index agent_models_model_id_idx on howdah.agent_models (tenant_id, model_id);
alter table howdah.agent_models enable row level security, force row level security;
comment on table howdah.agent_models is
  'The models of an agent in order: position 1 is its default, the others are fallbacks. An agent without any uses the model named default.';

-- Down Migration
drop table howdah.agent_models;
alter table howdah.agents drop column current_version_id;
drop table howdah.agent_versions;
drop table howdah.agents;
