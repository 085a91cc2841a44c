-- Up Migration
-- Workflows are for some only in the way agents are: while there are grants for one.
alter table howdah.workflows add column is_restricted boolean not null default false;
comment on column howdah.workflows.is_restricted is
  'True while there are grants for it: then only they, admins and owners reach it and its runs.';
create index workflows_restricted_idx on howdah.workflows (tenant_id) where is_restricted;

alter table howdah.grants
  alter column agent_id drop not null,
  add column workflow_id uuid,
  add foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete cascade,
  add constraint a_grant_is_of_an_agent_or_of_a_workflow check (num_nonnulls(agent_id, workflow_id) = 1),
  drop constraint grants_tenant_id_agent_id_user_id_role_key,
  add constraint grants_tenant_id_agent_id_workflow_id_user_id_role_key
    unique nulls not distinct (tenant_id, agent_id, workflow_id, user_id, role);
create index grants_workflow_id_idx on howdah.grants (tenant_id, workflow_id) where workflow_id is not null;
comment on table howdah.grants is
  'Who besides admins and owners may read, run or edit an agent or a workflow. One without grants is open to its tenant, as roles allow.';
comment on constraint grants_tenant_id_agent_id_workflow_id_user_id_role_key on howdah.grants is
  E'@behavior -*\nOne grant for each; a grant is named by its id.';

-- Down Migration
alter table howdah.grants no force row level security;
delete from howdah.grants where agent_id is null;
alter table howdah.grants force row level security;
alter table howdah.grants
  drop constraint grants_tenant_id_agent_id_workflow_id_user_id_role_key,
  drop constraint a_grant_is_of_an_agent_or_of_a_workflow,
  drop column workflow_id,
  alter column agent_id set not null,
  add constraint grants_tenant_id_agent_id_user_id_role_key unique nulls not distinct (tenant_id, agent_id, user_id, role);
comment on constraint grants_tenant_id_agent_id_user_id_role_key on howdah.grants is
  E'@behavior -*\nOne grant for each; a grant is named by its id.';
comment on table howdah.grants is
  'Who besides admins and owners may read, run or edit an agent. An agent without grants is open to its tenant, as roles allow.';
alter table howdah.workflows drop column is_restricted;
