-- Up Migration
-- Creates agents and workflows with their versions, and labels of versions. A version holds the
-- whole definition by value. A run pins a version, so that later edits do not affect the run.

create table howdah.agents (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  instruction text not null default '',
  system_prompt text,
  prompt_id uuid,
  prompt_values jsonb not null default '{}',
  use_history boolean not null default true,
  human_input boolean not null default false,
  context_policy howdah.context_policy not null default 'trim',
  engine howdah.agent_engine not null default 'builtin',
  engine_configuration jsonb not null default '{}',
  capabilities text[] not null default '{}',
  domain text,
  output_schema jsonb,
  max_steps int,
  max_tokens bigint,
  max_cost numeric,
  max_seconds int,
  user_id uuid,
  is_default boolean not null default false,
  is_active boolean not null default true,
  is_restricted boolean not null default false,
  agent_system_id uuid,
  current_version_id uuid,
  version_is_stale boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, user_id)
    references howdah.users (tenant_id, id) on delete set null (user_id),
  foreign key (tenant_id, agent_system_id)
    references howdah.agent_systems (tenant_id, id) on delete set null (agent_system_id),
  foreign key (tenant_id, prompt_id) references howdah.prompts (tenant_id, id) on delete restrict,
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint output_schema_is_an_object check (jsonb_typeof(output_schema) = 'object'),
  constraint limits_are_positive
    check (max_steps > 0 and max_tokens > 0 and max_cost > 0 and max_seconds > 0),
  constraint max_cost_is_finite check (max_cost < 'Infinity'),
  constraint prompt_values_are_an_object check (jsonb_typeof(prompt_values) = 'object'),
  constraint engine_configuration_is_an_object
    check (jsonb_typeof(engine_configuration) = 'object')
);
create unique index agents_living_name_key
  on howdah.agents (tenant_id, name) where deleted_at is null;
create index agents_user_id_idx on howdah.agents (tenant_id, user_id);
create index agents_current_version_id_idx on howdah.agents (tenant_id, current_version_id);
create index agents_restricted_idx on howdah.agents (tenant_id) where is_restricted;
create unique index agents_default_key
  on howdah.agents (tenant_id, user_id) nulls not distinct where is_default and deleted_at is null;
create index agents_agent_system_id_idx on howdah.agents (tenant_id, agent_system_id);
create index agents_prompt_id_idx on howdah.agents (tenant_id, prompt_id);
alter table howdah.agents enable row level security, force row level security;
comment on table howdah.agents is
  'Agents. At commit, an edit makes a new version of the agent. Runs in flight keep the version '
  'they started with.';
comment on column howdah.agents.instruction is
  'Task of the agent: the part of the prompt that only this agent has.';
comment on column howdah.agents.system_prompt is 'Generic prompt placed before the instruction.';
comment on column howdah.agents.prompt_id is
  'Prompt template placed before the instruction, filled in for each run.';
comment on column howdah.agents.prompt_values is
  'Values for the variables of the prompt: {name: value}. Values in input_data of a run take '
  'precedence over these, and these over the defaults of the prompt.';
comment on column howdah.agents.use_history is
  'True sends earlier runs of the session to the model.';
comment on column howdah.agents.human_input is
  'True gives the agent the tool ask_user, to ask people.';
comment on column howdah.agents.context_policy is
  'Policy for a conversation that exceeds context_tokens of the model.';
comment on column howdah.agents.engine is
  'Program that produces the answers: builtin uses the models and tools of the agent; http, '
  'openai, a2a and custom call another program.';
comment on column howdah.agents.engine_configuration is
  'Configuration of the engine, in the shape of the JSON Schema howdah.engine_schema(engine). It '
  'names API keys by secret_name and never holds them.';
comment on column howdah.agents.output_schema is
  'JSON Schema that the answer must satisfy. The parsed answer is executions.output_data.';
comment on column howdah.agents.max_steps is
  'Maximum number of model answers in a run. Null uses the setting max_steps, 50 by default.';
comment on column howdah.agents.max_seconds is
  'Maximum active time of a run in seconds, without waiting. Null uses the setting max_seconds, '
  '600 by default.';
comment on column howdah.agents.is_default is
  'True for the default agent of its user, or of the tenant if user_id is null. Setting a new '
  'default unsets the old one.';
comment on column howdah.agents.is_restricted is
  'True while the agent has grants. Then only grantees, admins and owners see the agent and its '
  'runs.';
comment on column howdah.agents.agent_system_id is
  'The agent system whose file describes the agent.';
comment on column howdah.agents.version_is_stale is
  'True from an edit until the same transaction writes the new version at commit.';
comment on column howdah.agents.deleted_at is
  'Time at which the agent was deleted. Its versions and runs stay.';

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
  unique (tenant_id, agent_id, version),
  constraint agent_versions_agent_id_version_key unique (agent_id, version),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  constraint definition_is_an_object check (jsonb_typeof(definition) = 'object')
);
alter table howdah.agents
  add foreign key (tenant_id, current_version_id)
    references howdah.agent_versions (tenant_id, id)
    on delete restrict deferrable initially deferred;
alter table howdah.agent_versions enable row level security, force row level security;
comment on table howdah.agent_versions is
  'Versions of agents, complete and by value: one row per transaction that changed the agent. '
  'Rows are never updated or deleted.';
comment on column howdah.agent_versions.digest is 'SHA-256 of the definition, in hex.';
comment on constraint agent_versions_tenant_id_agent_id_version_key on howdah.agent_versions is
  E'@behavior -*\nThe key that labels refer to.';

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
create index agent_models_model_id_idx on howdah.agent_models (tenant_id, model_id);
create index agent_models_agent_id_idx on howdah.agent_models (tenant_id, agent_id);
alter table howdah.agent_models enable row level security, force row level security;
comment on table howdah.agent_models is
  'Models of an agent, in order: position 1 is the default, the others are fallbacks. An agent '
  'without models uses the model named default.';

create table howdah.agent_skills (
  tenant_id uuid not null default howdah.current_tenant(),
  agent_id uuid not null,
  skill_id uuid not null,
  position int not null default 1,
  created_at timestamptz not null default now(),
  primary key (agent_id, skill_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, skill_id) references howdah.skills (tenant_id, id) on delete restrict,
  constraint position_counts_from_one check (position >= 1)
);
create index agent_skills_skill_id_idx on howdah.agent_skills (tenant_id, skill_id);
create index agent_skills_agent_id_idx on howdah.agent_skills (tenant_id, agent_id);
alter table howdah.agent_skills enable row level security, force row level security;
comment on table howdah.agent_skills is
  'Skills of an agent, in the order in which the agent sees them.';

create table howdah.workflows (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  type howdah.workflow_type not null,
  instruction text not null default '',
  configuration jsonb not null default '{}',
  max_steps int,
  max_tokens bigint,
  max_cost numeric,
  max_seconds int,
  is_active boolean not null default true,
  is_restricted boolean not null default false,
  agent_system_id uuid,
  current_version_id uuid,
  version_is_stale boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, agent_system_id)
    references howdah.agent_systems (tenant_id, id) on delete set null (agent_system_id),
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object'),
  constraint limits_are_positive
    check (max_steps > 0 and max_tokens > 0 and max_cost > 0 and max_seconds > 0),
  constraint max_cost_is_finite check (max_cost < 'infinity')
);
create unique index workflows_living_name_key
  on howdah.workflows (tenant_id, name) where deleted_at is null;
create index workflows_current_version_id_idx on howdah.workflows (tenant_id, current_version_id);
create index workflows_restricted_idx on howdah.workflows (tenant_id) where is_restricted;
create index workflows_agent_system_id_idx on howdah.workflows (tenant_id, agent_system_id);
alter table howdah.workflows enable row level security, force row level security;
comment on table howdah.workflows is
  'Workflows: teams of agents. At commit, an edit makes a new version of the workflow. Runs in '
  'flight keep the version they started with.';
comment on column howdah.workflows.instruction is
  'Instruction for the model that decides for a router, orchestrator or evaluator, in addition to '
  'the task of that model.';
comment on column howdah.workflows.configuration is
  'Configuration of the type, in the shape of the JSON Schema howdah.workflow_schema(type).';
comment on column howdah.workflows.max_steps is
  'Maximum number of answers of the deciding model in a run. Null uses the setting max_steps, 50 '
  'by default.';
comment on column howdah.workflows.max_tokens is
  'Maximum number of tokens of a run together with its members.';
comment on column howdah.workflows.max_cost is 'Maximum cost of a run together with its members.';
comment on column howdah.workflows.max_seconds is
  'Maximum active time of a run in seconds, without waiting for members. Null uses the setting '
  'max_seconds, 600 by default.';
comment on column howdah.workflows.is_restricted is
  'True while the workflow has grants. Then only grantees, admins and owners see the workflow and '
  'its runs.';
comment on column howdah.workflows.agent_system_id is
  'The agent system whose file describes the workflow.';
comment on column howdah.workflows.version_is_stale is
  'True from an edit until the same transaction writes the new version at commit.';
comment on column howdah.workflows.deleted_at is
  'Time at which the workflow was deleted. Its versions and runs stay.';

create table howdah.workflow_versions (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null,
  workflow_id uuid not null,
  version int not null,
  definition jsonb not null,
  digest text not null,
  created_by text not null,
  created_at timestamptz not null default clock_timestamp(),
  unique (tenant_id, id),
  unique (tenant_id, workflow_id, version),
  constraint workflow_versions_workflow_id_version_key unique (workflow_id, version),
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete restrict,
  constraint definition_is_an_object check (jsonb_typeof(definition) = 'object')
);
alter table howdah.workflows
  add foreign key (tenant_id, current_version_id)
    references howdah.workflow_versions (tenant_id, id)
    on delete restrict deferrable initially deferred;
alter table howdah.workflow_versions enable row level security, force row level security;
comment on table howdah.workflow_versions is
  'Versions of workflows, complete and by value: one row per transaction that changed the '
  'workflow. Rows are never updated or deleted.';
comment on column howdah.workflow_versions.digest is 'SHA-256 of the definition, in hex.';
comment on constraint workflow_versions_tenant_id_workflow_id_version_key
  on howdah.workflow_versions is
  E'@behavior -*\n'
  'The key that labels refer to.';

create table howdah.workflow_agents (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant(),
  workflow_id uuid not null,
  sequence_order int not null,
  role text,
  agent_id uuid,
  member_workflow_id uuid,
  question jsonb,
  configuration jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, workflow_id, sequence_order),
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  foreign key (tenant_id, member_workflow_id)
    references howdah.workflows (tenant_id, id) on delete restrict,
  constraint a_member_is_an_agent_a_workflow_or_a_question
    check (num_nonnulls(agent_id, member_workflow_id, question) = 1),
  constraint sequence_order_counts_from_one check (sequence_order >= 1),
  constraint role_is_not_empty check (role ~ '\S' and length(role) <= 200),
  constraint question_is_an_object check (jsonb_typeof(question) = 'object'),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object')
);
create index workflow_agents_agent_id_idx on howdah.workflow_agents (tenant_id, agent_id);
create index workflow_agents_member_workflow_id_idx
  on howdah.workflow_agents (tenant_id, member_workflow_id);
alter table howdah.workflow_agents enable row level security, force row level security;
comment on table howdah.workflow_agents is
  'Members of a workflow, in order. A member is an agent, another workflow at any depth, or a '
  'question to a person.';
comment on column howdah.workflow_agents.sequence_order is
  E'@hasDefault\nPosition among the members, counted from 1. If omitted, the member comes last.';
comment on column howdah.workflow_agents.role is
  'Name of the member within the workflow, used by edges and decisions. Null uses the name of its '
  'agent or workflow.';
comment on column howdah.workflow_agents.question is
  'Question to a person in place of an agent: {"prompt", "options", "schema", "required_role", '
  '"expires_in_seconds", "default_answer"}. The answer is the output of the member.';
comment on column howdah.workflow_agents.configuration is
  'Configuration of this member alone, in a shape that depends on the type of the workflow.';

create table howdah.version_labels (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  workflow_id uuid,
  prompt_id uuid,
  label text not null,
  version int not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint version_labels_of_one_thing_key
    unique nulls not distinct (tenant_id, agent_id, workflow_id, prompt_id, label),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id, version)
    references howdah.agent_versions (tenant_id, agent_id, version) on delete cascade,
  foreign key (tenant_id, workflow_id, version)
    references howdah.workflow_versions (tenant_id, workflow_id, version) on delete cascade,
  foreign key (tenant_id, prompt_id) references howdah.prompts (tenant_id, id) on delete cascade,
  foreign key (tenant_id, prompt_id, version)
    references howdah.prompt_versions (tenant_id, prompt_id, version) on delete cascade,
  constraint a_label_is_a_word check (label ~ '^[a-z][a-z0-9_-]{0,62}$'),
  constraint a_label_is_of_one_thing check (num_nonnulls(agent_id, workflow_id, prompt_id) = 1)
);
create index version_labels_agent_id_idx on howdah.version_labels (tenant_id, agent_id, version);
create index version_labels_workflow_id_idx
  on howdah.version_labels (tenant_id, workflow_id, version);
create index version_labels_prompt_id_idx on howdah.version_labels (tenant_id, prompt_id, version);
alter table howdah.version_labels enable row level security, force row level security;
comment on table howdah.version_labels is
  'Labels such as production and candidate. A label names one version of an agent, workflow or '
  'prompt; an update moves it to another version.';
comment on constraint version_labels_of_one_thing_key on howdah.version_labels is
  E'@behavior -*\nA label is named by its id.';

-- Down Migration
alter table howdah.workflows drop column current_version_id;
alter table howdah.agents drop column current_version_id;
drop table howdah.version_labels;
drop table howdah.workflow_agents;
drop table howdah.workflow_versions;
drop table howdah.workflows;
drop table howdah.agent_skills;
drop table howdah.agent_models;
drop table howdah.agent_versions;
drop table howdah.agents;
