-- Up Migration
-- Teams: a workflow is a row, its members are agents and workflows, its run is an execution like any other.
create type howdah.workflow_type as enum (
  'chain', 'parallel', 'router', 'orchestrator', 'evaluator_optimizer', 'voting', 'map', 'graph'
);
create type howdah.child_wake as enum ('each', 'failure', 'last');
comment on type howdah.child_wake is 'Which ends of children wake a run that waits for them: each, a failure and the last, or the last alone.';
comment on type howdah.workflow_type is 'How the members of a workflow work together; each type has a schema for its configuration.';

create table howdah.workflows (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  type howdah.workflow_type not null,
  instruction text not null default '',
  configuration jsonb not null default '{}',
  is_active boolean not null default true,
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
  constraint name_is_not_empty check (name ~ '\S' and length(name) <= 200),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object'),
  constraint limits_are_positive
    check (max_steps > 0 and max_tokens > 0 and max_cost > 0 and max_seconds > 0),
  constraint max_cost_is_finite check (max_cost < 'infinity')
);
create unique index workflows_living_name_key on howdah.workflows (tenant_id, name) where deleted_at is null;
alter table howdah.workflows enable row level security, force row level security;
comment on table howdah.workflows is
  'Teams of agents. An edit makes a new version at commit; runs in flight keep the version they pinned.';
comment on column howdah.workflows.instruction is 'What the deciding model of router, orchestrator and evaluator is told besides its task.';
comment on column howdah.workflows.configuration is 'By type: howdah.workflow_schema(type) is its JSON Schema.';
comment on column howdah.workflows.max_steps is 'Answers of its own deciding model a run may take; null means 50.';
comment on column howdah.workflows.max_tokens is 'Tokens a run may use with all its members.';
comment on column howdah.workflows.max_cost is 'Cost a run may have with all its members.';
comment on column howdah.workflows.max_seconds is 'Seconds a run may be active, waiting for members not counted; null means 600.';
comment on column howdah.workflows.version_is_stale is 'A part changed in this transaction and the version is not written yet.';
comment on column howdah.workflows.deleted_at is 'Workflows are deleted softly: their versions and runs stay.';

create table howdah.workflow_agents (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant(),
  workflow_id uuid not null,
  agent_id uuid,
  member_workflow_id uuid,
  question jsonb,
  sequence_order int not null default 1,
  role text,
  configuration jsonb not null default '{}',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, workflow_id, sequence_order),
  foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  foreign key (tenant_id, member_workflow_id) references howdah.workflows (tenant_id, id) on delete restrict,
  constraint a_member_is_an_agent_a_workflow_or_a_question check (num_nonnulls(agent_id, member_workflow_id, question) = 1),
  constraint sequence_order_counts_from_one check (sequence_order >= 1),
  constraint role_is_not_empty check (role ~ '\S' and length(role) <= 200),
  constraint question_is_an_object check (jsonb_typeof(question) = 'object'),
  constraint configuration_is_an_object check (jsonb_typeof(configuration) = 'object')
);
create index workflow_agents_agent_id_idx on howdah.workflow_agents (tenant_id, agent_id);
create index workflow_agents_member_workflow_id_idx on howdah.workflow_agents (tenant_id, member_workflow_id);
alter table howdah.workflow_agents enable row level security, force row level security;
comment on table howdah.workflow_agents is 'The members of a workflow, in order: agents, and workflows at any depth.';
comment on column howdah.workflow_agents.question is
  'The member is a person: {"prompt", "options", "schema", "required_role", "expires_in_seconds", "default_answer"}; the answer is its output.';
comment on column howdah.workflow_agents.role is
  'What the member is called within its workflow; null: the name of its agent or workflow. Edges and decisions name members by it.';
comment on column howdah.workflow_agents.configuration is 'By type of the workflow: what applies to this member alone.';

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
  unique (workflow_id, version),
  foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete restrict,
  constraint definition_is_an_object check (jsonb_typeof(definition) = 'object')
);
create index workflow_versions_workflow_id_idx on howdah.workflow_versions (tenant_id, workflow_id);
alter table howdah.workflow_versions enable row level security, force row level security;
comment on table howdah.workflow_versions is
  'What a workflow was, whole and by value: one row per transaction of edits that changed something. Never updated, never deleted.';
comment on column howdah.workflow_versions.digest is 'SHA-256 of the definition, in hex.';

alter table howdah.workflows
  add foreign key (tenant_id, current_version_id)
    references howdah.workflow_versions (tenant_id, id) on delete restrict
    deferrable initially deferred;
create index workflows_current_version_id_idx on howdah.workflows (tenant_id, current_version_id);

-- A run is an agent's or a workflow's. Those that are there have an agent, so nothing has to be looked at.
alter table howdah.executions
  add column workflow_id uuid,
  add column workflow_version_id uuid,
  add column wakes_on howdah.child_wake,
  add column members_at_once int,
  add column members_waiting int not null default 0,
  alter column agent_id drop not null,
  alter column agent_version_id drop not null,
  add constraint a_run_is_of_an_agent_or_a_workflow
    check (num_nonnulls(agent_version_id, workflow_version_id) = 1) not valid;
create index executions_workflow_id_idx on howdah.executions (tenant_id, workflow_id, id) where workflow_id is not null;
create index executions_turn_idx on howdah.executions (parent_execution_id, id) where waiting_for = 'turn' and parent_execution_id is not null;
comment on column howdah.executions.workflow_id is 'Whose run it is, when it is no agent''s.';
comment on column howdah.executions.members_at_once is
  'Of a workflow''s run: so many of its members are let begin, the others wait for their turn; null: all.';
comment on column howdah.executions.members_waiting is 'Of its live children, those that wait for their turn.';
comment on column howdah.executions.wakes_on is 'Of a workflow''s run that waits for members: which of their ends it wants to hear of.';
-- A run below another one may be told to do its work otherwise than its agent does it by itself.
alter table howdah.executions add column overrides jsonb;
comment on column howdah.executions.overrides is
  'How the run differs from its pinned version: mission_override, allowed_tools, suppress_markdown; given by whoever began it.';

-- Workflows as tools.
alter table howdah.tools
  add column workflow_id uuid,
  add foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete restrict,
  add constraint workflow_tools_name_their_workflow check ((kind = 'workflow') = (workflow_id is not null)),
  drop constraint only_builtin_sql_custom_and_agent_tools_exist,
  add constraint only_tools_that_do_something_exist
    check (kind in ('builtin', 'sql', 'custom', 'agent', 'workflow'));
create index tools_workflow_id_idx on howdah.tools (tenant_id, workflow_id);
comment on column howdah.tools.workflow_id is 'Of kind workflow: whose run does the work.';

comment on table howdah.executions is
  E'@foreignKey (agent_id) references howdah.agents (id)\n@foreignKey (agent_version_id) references howdah.agent_versions (id)\n@foreignKey (workflow_id) references howdah.workflows (id)\n@foreignKey (workflow_version_id) references howdah.workflow_versions (id)\nRuns. Inserting (agent_id, input) or (workflow_id, input) starts one; its log is steps, its conversation is messages.';

-- Down Migration
comment on table howdah.executions is
  E'@foreignKey (agent_id) references howdah.agents (id)\n@foreignKey (agent_version_id) references howdah.agent_versions (id)\nRuns. Inserting (agent_id, input) starts one; its log is steps, its conversation is messages.';
drop index howdah.executions_turn_idx;
-- A schema of before knows no runs of workflows: their whole trees go, with what stands beside them, and so do tools that
-- are workflows. Without policies and triggers, which go first on the way down, an owner sees and deletes rows where they are
-- not forced. A run still noted in a queue is passed over when its turn comes.
alter table howdah.executions no force row level security;
alter table howdah.steps no force row level security;
alter table howdah.messages no force row level security;
alter table howdah.questions no force row level security;
alter table howdah.approvals no force row level security;
alter table howdah.resources no force row level security;
alter table howdah.sessions no force row level security;
alter table howdah.tools no force row level security;
alter table howdah_private.idempotency_keys no force row level security;
alter table howdah_private.inbox no force row level security;
alter table howdah_private.ended_runs no force row level security;
create table howdah_private.runs_that_go as
select e.id::uuid as id from howdah.executions as e
where e.root_execution_id in (select w.root_execution_id from howdah.executions as w where w.workflow_version_id is not null);
delete from howdah_private.ended_runs as r using howdah_private.runs_that_go as g where r.execution_id = g.id;
delete from howdah_private.inbox as i using howdah_private.runs_that_go as g where i.execution_id = g.id;
delete from howdah_private.idempotency_keys as k using howdah_private.runs_that_go as g where k.execution_id = g.id;
update howdah.sessions as s set live_execution_id = null from howdah_private.runs_that_go as g where s.live_execution_id = g.id;
delete from howdah.resources as r using howdah_private.runs_that_go as g where r.execution_id = g.id;
delete from howdah.approvals as a using howdah_private.runs_that_go as g where a.execution_id = g.id;
delete from howdah.questions as q using howdah_private.runs_that_go as g where q.execution_id = g.id;
delete from howdah.messages as m using howdah_private.runs_that_go as g where m.execution_id = g.id;
delete from howdah.steps as s using howdah_private.runs_that_go as g where s.execution_id = g.id;
delete from howdah.executions as e using howdah_private.runs_that_go as g where e.id = g.id;
drop table howdah_private.runs_that_go;
delete from howdah.tools where kind = 'workflow';
alter table howdah_private.ended_runs force row level security;
alter table howdah_private.inbox force row level security;
alter table howdah_private.idempotency_keys force row level security;
alter table howdah.tools force row level security;
alter table howdah.sessions force row level security;
alter table howdah.resources force row level security;
alter table howdah.approvals force row level security;
alter table howdah.questions force row level security;
alter table howdah.messages force row level security;
alter table howdah.steps force row level security;
alter table howdah.executions force row level security;
alter table howdah.tools
  drop constraint only_tools_that_do_something_exist,
  drop column workflow_id,
  add constraint only_builtin_sql_custom_and_agent_tools_exist check (kind in ('builtin', 'sql', 'custom', 'agent'));
alter table howdah.executions
  drop column overrides,
  drop constraint a_run_is_of_an_agent_or_a_workflow,
  drop column members_waiting,
  drop column members_at_once,
  drop column wakes_on,
  drop column workflow_version_id,
  drop column workflow_id,
  alter column agent_version_id set not null,
  alter column agent_id set not null;
alter table howdah.workflows drop column current_version_id;
drop table howdah.workflow_versions;
drop table howdah.workflow_agents;
drop table howdah.workflows;
drop type howdah.workflow_type, howdah.child_wake;
