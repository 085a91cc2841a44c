-- Up Migration
-- Sessions, schedules and hooks are about workflows as they are about agents.
alter table howdah.sessions
  add column workflow_id uuid,
  add foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete set null (workflow_id),
  add constraint a_session_is_with_an_agent_or_a_workflow check (num_nonnulls(agent_id, workflow_id) <= 1);
create index sessions_workflow_id_idx on howdah.sessions (tenant_id, workflow_id) where workflow_id is not null;

alter table howdah.schedules
  alter column agent_id drop not null,
  add column workflow_id uuid,
  add foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete cascade,
  add constraint a_schedule_is_for_an_agent_or_a_workflow check (num_nonnulls(agent_id, workflow_id) = 1);
create index schedules_workflow_id_idx on howdah.schedules (tenant_id, workflow_id) where workflow_id is not null;

alter table howdah.hooks
  add column workflow_id uuid,
  add foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete cascade,
  add constraint a_hook_is_for_an_agent_or_a_workflow_or_for_all check (num_nonnulls(agent_id, workflow_id) <= 1),
  drop constraint hooks_tenant_id_event_function_agent_id_key,
  add constraint hooks_tenant_id_event_function_agent_id_workflow_id_key
    unique nulls not distinct (tenant_id, event, function, agent_id, workflow_id);
create index hooks_workflow_id_idx on howdah.hooks (tenant_id, workflow_id) where workflow_id is not null;
comment on constraint hooks_tenant_id_event_function_agent_id_workflow_id_key on howdah.hooks is
  E'@behavior -*\nA function is called once per event: a hook is named by its id.';
comment on column howdah.hooks.agent_id is 'Only for runs of this agent. Without it and workflow_id for all runs of the tenant.';
comment on column howdah.hooks.workflow_id is
  'Only for runs of this workflow itself; those of its members go by their agents. Without it and agent_id for all runs.';

-- Down Migration
alter table howdah.sessions no force row level security;
update howdah.sessions set workflow_id = null where workflow_id is not null;
alter table howdah.sessions force row level security;
alter table howdah.schedules no force row level security;
delete from howdah.schedules where workflow_id is not null;
alter table howdah.schedules force row level security;
alter table howdah.hooks no force row level security;
delete from howdah.hooks where workflow_id is not null;
alter table howdah.hooks force row level security;
alter table howdah.hooks
  drop constraint hooks_tenant_id_event_function_agent_id_workflow_id_key,
  drop constraint a_hook_is_for_an_agent_or_a_workflow_or_for_all,
  drop column workflow_id,
  add constraint hooks_tenant_id_event_function_agent_id_key
    unique nulls not distinct (tenant_id, event, function, agent_id);
comment on constraint hooks_tenant_id_event_function_agent_id_key on howdah.hooks is
  E'@behavior -*\nA function is called once per event: a hook is named by its id.';
comment on column howdah.hooks.agent_id is 'The agent whose runs call it; null for all agents of the tenant.';
alter table howdah.schedules
  drop constraint a_schedule_is_for_an_agent_or_a_workflow,
  drop column workflow_id,
  alter column agent_id set not null;
alter table howdah.sessions
  drop constraint a_session_is_with_an_agent_or_a_workflow,
  drop column workflow_id;
