-- Up Migration
-- Creates agent systems, which own definitions; models; prompts and skills with their versions.
-- Tables of definitions have few rows, so their columns are ordered for the reader, not by size.

create table howdah.agent_systems (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  orchestrator text,
  version int not null default 1,
  source text not null,
  digest text not null,
  resolved jsonb not null default '{}',
  functions text[] not null default '{}',
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
  'Agent systems: sets of agents, workflows and their parts, each described by one file. '
  'howdah.apply_agent_system() writes the row and all parts in one transaction.';
comment on column howdah.agent_systems.orchestrator is
  'Name of the agent or workflow that answers for the system.';
comment on column howdah.agent_systems.version is
  'Number of applies that changed the system, counted from 1.';
comment on column howdah.agent_systems.source is 'Text of the file, as last applied.';
comment on column howdah.agent_systems.digest is
  'SHA-256 of the parsed system, in hex. Formatting of the file does not change it.';
comment on column howdah.agent_systems.resolved is
  'Result of the apply: {"agents": {name: {"id", "final_system_prompt", "models", "tools"}}, '
  '"workflows": {name: {"id", "type", "members"}}, "orchestrator"}.';
comment on column howdah.agent_systems.functions is
  'Names of the SQL functions in the file. Their schema has the name of the system.';

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
  foreign key (tenant_id, agent_system_id)
    references howdah.agent_systems (tenant_id, id) on delete restrict,
  constraint resolved_is_an_object check (jsonb_typeof(resolved) = 'object')
);
alter table howdah.agent_system_versions enable row level security, force row level security;
comment on table howdah.agent_system_versions is
  'Versions of agent systems: one row per apply that changed the system. Rows are never updated '
  'or deleted.';
comment on constraint agent_system_versions_tenant_id_agent_system_id_version_key
  on howdah.agent_system_versions is
  E'@behavior -*\n'
  'A version is named by its id.';

create table howdah.models (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  provider text not null,
  model text not null,
  purpose howdah.model_purpose not null default 'llm',
  domain text,
  base_url text,
  secret_name text,
  capabilities jsonb not null default '{}',
  input_price numeric,
  output_price numeric,
  context_tokens int,
  from_environment boolean not null default false,
  agent_system_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, agent_system_id)
    references howdah.agent_systems (tenant_id, id) on delete set null (agent_system_id),
  constraint capabilities_are_an_object check (jsonb_typeof(capabilities) = 'object'),
  constraint prices_are_not_negative check (input_price >= 0 and output_price >= 0),
  constraint context_tokens_are_positive check (context_tokens > 0),
  constraint prices_are_finite check (input_price < 'Infinity' and output_price < 'Infinity'),
  constraint base_url_is_http check (base_url ~* '^(http|ws)s?://[^/@?#\s]+([/?#]\S*)?$'),
  constraint a_socket_is_for_speech check (base_url !~* '^ws' or purpose in ('tts', 'stt'))
);
create index models_agent_system_id_idx on howdah.models (tenant_id, agent_system_id);
alter table howdah.models enable row level security, force row level security;
comment on table howdah.models is
  'Models that agents may use, written by admins. A row names a provider (openai for every '
  'compatible API, local, scripted) and the provider''s id of the model.';
comment on column howdah.models.model is 'Id of the model at its provider, such as gpt-5-mini.';
comment on column howdah.models.base_url is
  'URL of an OpenAI-compatible endpoint. Null uses the URL and key of the environment. With '
  'base_url and no secret_name no key is sent.';
comment on column howdah.models.secret_name is
  'Name of the secret that holds the API key of the model. Null sends the key of the environment '
  'to the URL of the environment, and no key to a base_url.';
comment on column howdah.models.input_price is
  'Price of a million input tokens, in a currency of your choice. Read when a step commits.';
comment on column howdah.models.output_price is
  'Price of a million output tokens, in the same currency. Read when a step commits.';
comment on column howdah.models.from_environment is
  'True while the row follows the environment variables. An edit by a user sets it to false.';
comment on column howdah.models.agent_system_id is
  'The agent system whose file describes the model. Other systems may use the same model if their '
  'files describe it in the same way.';

create table howdah.prompts (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  template text not null,
  variables jsonb not null default '{}',
  agent_system_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, agent_system_id)
    references howdah.agent_systems (tenant_id, id) on delete set null (agent_system_id),
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint template_is_not_empty check (template ~ '\S'),
  constraint variables_are_an_object check (jsonb_typeof(variables) = 'object')
);
create unique index prompts_living_name_key
  on howdah.prompts (tenant_id, name) where deleted_at is null;
create index prompts_agent_system_id_idx on howdah.prompts (tenant_id, agent_system_id);
alter table howdah.prompts enable row level security, force row level security;
comment on table howdah.prompts is
  'Prompt templates with {{variables}}. At commit, an edit makes a new version of the prompt and '
  'of each agent that uses it.';
comment on column howdah.prompts.template is 'Text with {{name}} in place of each variable.';
comment on column howdah.prompts.variables is
  'JSON Schemas by name: {"tone": {"type": "string", "enum": ["kind", "strict"], "default": '
  '"kind"}}. A variable without a default is required.';
comment on column howdah.prompts.agent_system_id is
  'The agent system whose file describes the prompt.';
comment on column howdah.prompts.deleted_at is
  'Time at which the prompt was deleted. Its versions stay.';

create table howdah.prompt_versions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null,
  prompt_id uuid not null,
  version int not null,
  definition jsonb not null,
  digest text not null,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  unique (tenant_id, id),
  unique (tenant_id, prompt_id, version),
  foreign key (tenant_id, prompt_id) references howdah.prompts (tenant_id, id) on delete restrict,
  constraint definition_is_an_object check (jsonb_typeof(definition) = 'object')
);
alter table howdah.prompt_versions enable row level security, force row level security;
comment on table howdah.prompt_versions is
  'Versions of prompts: one row per transaction that changed the prompt. Rows are never updated '
  'or deleted.';
comment on column howdah.prompt_versions.digest is 'SHA-256 of the definition, in hex.';
comment on constraint prompt_versions_tenant_id_prompt_id_version_key on howdah.prompt_versions is
  E'@behavior -*\nThe key that labels refer to.';

create table howdah.skills (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null,
  content text not null,
  is_active boolean not null default true,
  agent_system_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, agent_system_id)
    references howdah.agent_systems (tenant_id, id) on delete set null (agent_system_id),
  constraint name_is_a_word check (name ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'),
  constraint description_is_one_short_line
    check (description ~ '\S' and description !~ '[\n\r]' and length(description) <= 500),
  constraint content_is_not_empty check (content ~ '\S')
);
create unique index skills_living_name_key
  on howdah.skills (tenant_id, name) where deleted_at is null;
create index skills_agent_system_id_idx on howdah.skills (tenant_id, agent_system_id);
alter table howdah.skills enable row level security, force row level security;
comment on table howdah.skills is
  'Skills: know-how in Markdown. An agent sees the name and description of each of its skills and '
  'reads the content with the tool load_skill.';
comment on column howdah.skills.description is
  'One line that tells an agent when to read the skill.';
comment on column howdah.skills.content is
  'Markdown text for the agent, at most 60 kB. load_skill returns it in one piece.';
comment on column howdah.skills.is_active is
  'False omits the skill from later versions of its agents.';
comment on column howdah.skills.agent_system_id is
  'The agent system whose file describes the skill.';
comment on column howdah.skills.deleted_at is
  'Time at which the skill was deleted. Its versions stay.';

create table howdah.skill_versions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null,
  skill_id uuid not null,
  version int not null,
  definition jsonb not null,
  digest text not null,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  unique (tenant_id, id),
  unique (tenant_id, skill_id, version),
  foreign key (tenant_id, skill_id) references howdah.skills (tenant_id, id) on delete restrict,
  constraint definition_is_an_object check (jsonb_typeof(definition) = 'object')
);
alter table howdah.skill_versions enable row level security, force row level security;
comment on table howdah.skill_versions is
  'Versions of skills: one row per transaction that changed the skill. Rows are never updated or '
  'deleted.';
comment on column howdah.skill_versions.digest is 'SHA-256 of the definition, in hex.';
comment on constraint skill_versions_tenant_id_skill_id_version_key on howdah.skill_versions is
  E'@behavior -*\nA version is named by its id.';

-- Down Migration
drop table howdah.skill_versions;
drop table howdah.skills;
drop table howdah.prompt_versions;
drop table howdah.prompts;
drop table howdah.models;
drop table howdah.agent_system_versions;
drop table howdah.agent_systems;
