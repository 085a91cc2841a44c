-- Up Migration
-- Agent systems: what a file describes, applied as a whole. A row is the system as it stands; what it was is kept beside it.
create table howdah.agent_systems (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  orchestrator text,
  version int not null default 1,
  source text not null,
  digest text not null,
  resolved jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint version_counts_from_one check (version >= 1),
  constraint resolved_is_an_object check (jsonb_typeof(resolved) = 'object')
);
alter table howdah.agent_systems enable row level security, force row level security;
comment on table howdah.agent_systems is
  'Agent systems as files describe them: howdah.apply_agent_system() writes one with all its parts, and it alone.';
comment on column howdah.agent_systems.orchestrator is 'The agent or workflow that speaks for the system, by name.';
comment on column howdah.agent_systems.version is 'Counts the applies that changed something.';
comment on column howdah.agent_systems.source is 'The file as it was applied.';
comment on column howdah.agent_systems.digest is 'SHA-256, in hex, of all that belongs to the system, however its file is written.';
comment on column howdah.agent_systems.resolved is
  'What came of it: {"agents": {name: {"id", "final_system_prompt", "models", "tools"}}, "workflows": {name: {"id", "type", "members"}}, "orchestrator"}.';

create table howdah.agent_system_versions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null,
  agent_system_id uuid not null,
  version int not null,
  source text not null,
  digest text not null,
  resolved jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  unique (tenant_id, id),
  unique (tenant_id, agent_system_id, version),
  foreign key (tenant_id, agent_system_id) references howdah.agent_systems (tenant_id, id) on delete restrict,
  constraint resolved_is_an_object check (jsonb_typeof(resolved) = 'object')
);
alter table howdah.agent_system_versions enable row level security, force row level security;
comment on table howdah.agent_system_versions is
  'What an agent system was: one row per apply that changed something. Never updated, never deleted.';
comment on constraint agent_system_versions_tenant_id_agent_system_id_version_key on howdah.agent_system_versions is
  E'@behavior -*\nA version is named by its id.';

-- Whose a name is: a system changes and deletes only what is its own or nobody's.
alter table howdah.agents
  add column agent_system_id uuid,
  add foreign key (tenant_id, agent_system_id) references howdah.agent_systems (tenant_id, id)
    on delete set null (agent_system_id);
create index agents_agent_system_id_idx on howdah.agents (tenant_id, agent_system_id);
comment on column howdah.agents.agent_system_id is 'The agent system whose file describes it.';
alter table howdah.workflows
  add column agent_system_id uuid,
  add foreign key (tenant_id, agent_system_id) references howdah.agent_systems (tenant_id, id)
    on delete set null (agent_system_id);
create index workflows_agent_system_id_idx on howdah.workflows (tenant_id, agent_system_id);
comment on column howdah.workflows.agent_system_id is 'The agent system whose file describes it.';
alter table howdah.models
  add column agent_system_id uuid,
  add foreign key (tenant_id, agent_system_id) references howdah.agent_systems (tenant_id, id)
    on delete set null (agent_system_id);
create index models_agent_system_id_idx on howdah.models (tenant_id, agent_system_id);
comment on column howdah.models.agent_system_id is 'The agent system whose file describes it; others share it as long as they say the same of it.';
alter table howdah.tools
  add column agent_system_id uuid,
  add foreign key (tenant_id, agent_system_id) references howdah.agent_systems (tenant_id, id)
    on delete set null (agent_system_id);
create index tools_agent_system_id_idx on howdah.tools (tenant_id, agent_system_id);
comment on column howdah.tools.agent_system_id is 'The agent system whose file describes it.';

-- Down Migration
alter table howdah.tools drop column agent_system_id;
alter table howdah.models drop column agent_system_id;
alter table howdah.workflows drop column agent_system_id;
alter table howdah.agents drop column agent_system_id;
drop table howdah.agent_system_versions;
drop table howdah.agent_systems;
