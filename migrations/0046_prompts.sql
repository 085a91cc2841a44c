-- Up Migration
-- Templates for what agents are told, with typed variables; an agent's version holds the text it was made with.
create table howdah.prompts (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  template text not null,
  variables jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz,
  unique (tenant_id, id),
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint template_is_not_empty check (template ~ '\S'),
  constraint variables_are_an_object check (jsonb_typeof(variables) = 'object')
);
create unique index prompts_living_name_key on howdah.prompts (tenant_id, name) where deleted_at is null;
alter table howdah.prompts enable row level security, force row level security;
comment on table howdah.prompts is
  'Templates of what agents are told, with {{variables}}. An edit makes a new version at commit, of the prompt and of the agents that use it.';
comment on column howdah.prompts.template is 'Text with {{name}} where the value of the variable of this name goes.';
comment on column howdah.prompts.variables is
  'JSON Schemas by name: {"tone": {"type": "string", "enum": ["kind", "strict"], "default": "kind"}}. One without default has to be given.';
comment on column howdah.prompts.deleted_at is 'Prompts are deleted softly: their versions stay.';

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
  'What a prompt was: one row per transaction of edits that changed something. Never updated, never deleted.';
comment on column howdah.prompt_versions.digest is 'SHA-256 of the definition, in hex.';
comment on constraint prompt_versions_tenant_id_prompt_id_version_key on howdah.prompt_versions is
  E'@behavior -*\nWhat labels refer to.';

alter table howdah.agents
  add column prompt_id uuid,
  add column prompt_values jsonb not null default '{}',
  add foreign key (tenant_id, prompt_id) references howdah.prompts (tenant_id, id) on delete restrict,
  add constraint prompt_values_are_an_object check (jsonb_typeof(prompt_values) = 'object');
create index agents_prompt_id_idx on howdah.agents (tenant_id, prompt_id);
comment on column howdah.agents.prompt_id is 'The prompt it is told before its instruction, filled in for each run.';
comment on column howdah.agents.prompt_values is
  'Values for variables of its prompt. What a run brings in input_data goes before them, defaults behind them.';

alter table howdah.version_labels
  add column prompt_id uuid,
  add foreign key (tenant_id, prompt_id) references howdah.prompts (tenant_id, id) on delete cascade,
  add foreign key (tenant_id, prompt_id, version)
    references howdah.prompt_versions (tenant_id, prompt_id, version) on delete cascade,
  drop constraint a_label_is_of_an_agent_or_a_workflow,
  add constraint a_label_is_of_one_thing check (num_nonnulls(agent_id, workflow_id, prompt_id) = 1),
  drop constraint version_labels_tenant_id_agent_id_workflow_id_label_key,
  add constraint version_labels_of_one_thing_key
    unique nulls not distinct (tenant_id, agent_id, workflow_id, prompt_id, label);
create index version_labels_prompt_id_idx on howdah.version_labels (tenant_id, prompt_id, version);
comment on table howdah.version_labels is
  'Names for versions of agents, workflows and prompts, such as production and candidate. A label names one version; moving it is an update.';
comment on constraint version_labels_of_one_thing_key on howdah.version_labels is
  E'@behavior -*\nA label is named by its id.';

-- Down Migration
alter table howdah.version_labels no force row level security;
delete from howdah.version_labels where prompt_id is not null;
alter table howdah.version_labels force row level security;
alter table howdah.version_labels
  drop constraint version_labels_of_one_thing_key,
  drop constraint a_label_is_of_one_thing,
  drop column prompt_id,
  add constraint a_label_is_of_an_agent_or_a_workflow check (num_nonnulls(agent_id, workflow_id) = 1),
  add constraint version_labels_tenant_id_agent_id_workflow_id_label_key
    unique nulls not distinct (tenant_id, agent_id, workflow_id, label);
comment on table howdah.version_labels is
  'Names for versions of agents and workflows, such as production and candidate. A label names one version; moving it is an update.';
comment on constraint version_labels_tenant_id_agent_id_workflow_id_label_key on howdah.version_labels is
  E'@behavior -*\nA label is named by its id.';
alter table howdah.agents drop column prompt_values, drop column prompt_id;
drop table howdah.prompt_versions;
drop table howdah.prompts;
