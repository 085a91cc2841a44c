-- Up Migration
-- Whatever index Postgres chooses to look for an id by, the tenant stands behind the id: a row of another tenant is not even
-- looked at, whatever the size of a table. Primary keys stay as they are, since others' tables refer to them. Makes the
-- indexes anew, which stops writers of a table meanwhile: some seconds for each million of executions.
alter table howdah.agent_versions drop constraint agent_versions_agent_id_version_key,
  add constraint agent_versions_agent_id_version_key unique (agent_id, tenant_id, version);
alter table howdah.workflow_versions drop constraint workflow_versions_workflow_id_version_key,
  add constraint workflow_versions_workflow_id_version_key unique (workflow_id, tenant_id, version);
alter table howdah.todos drop constraint todos_session_id_position_key,
  add constraint todos_session_id_position_key unique (session_id, tenant_id, position) deferrable initially deferred;
comment on constraint todos_session_id_position_key on howdah.todos is
  E'@behavior -*\nPositions change: a todo is named by its id.';
drop index howdah.approvals_execution_id_key, howdah.executions_compensates_idx, howdah.executions_parent_idx,
  howdah.executions_root_idx, howdah.executions_turn_idx, howdah.mail_root_execution_id_idx,
  howdah.mail_to_execution_id_idx, howdah.mail_unread_idx, howdah.questions_execution_id_idx;
create unique index approvals_execution_id_key on howdah.approvals (execution_id, tenant_id, tool) where execution_id is not null;
create index executions_compensates_idx on howdah.executions (compensates_execution_id, tenant_id)
  where compensates_execution_id is not null;
create index executions_parent_idx on howdah.executions (parent_execution_id, tenant_id) where parent_execution_id is not null;
create index executions_root_idx on howdah.executions (root_execution_id, tenant_id) where parent_execution_id is not null;
create index executions_turn_idx on howdah.executions (parent_execution_id, tenant_id, id)
  where waiting_for = 'turn' and parent_execution_id is not null;
create index mail_root_execution_id_idx on howdah.mail (root_execution_id, tenant_id, to_agent_id, id) where root_execution_id is not null;
create index mail_to_execution_id_idx on howdah.mail (to_execution_id, tenant_id, id) where to_execution_id is not null;
create index mail_unread_idx on howdah.mail (to_agent_id, tenant_id, id)
  where received_at is null and to_execution_id is null and not is_within_tree;
create index questions_execution_id_idx on howdah.questions (execution_id, tenant_id);
drop function if exists howdah_private.tg_agents__refuse_keys(), howdah_private.tg_skills__check() cascade;

-- Down Migration
drop index howdah.approvals_execution_id_key, howdah.executions_compensates_idx, howdah.executions_parent_idx,
  howdah.executions_root_idx, howdah.executions_turn_idx, howdah.mail_root_execution_id_idx,
  howdah.mail_to_execution_id_idx, howdah.mail_unread_idx, howdah.questions_execution_id_idx;
create unique index approvals_execution_id_key on howdah.approvals (execution_id, tool) where execution_id is not null;
create index executions_compensates_idx on howdah.executions (compensates_execution_id)
  where compensates_execution_id is not null;
create index executions_parent_idx on howdah.executions (parent_execution_id) where parent_execution_id is not null;
create index executions_root_idx on howdah.executions (root_execution_id) where parent_execution_id is not null;
create index executions_turn_idx on howdah.executions (parent_execution_id, id)
  where waiting_for = 'turn' and parent_execution_id is not null;
create index mail_root_execution_id_idx on howdah.mail (root_execution_id, to_agent_id, id, tenant_id) where root_execution_id is not null;
create index mail_to_execution_id_idx on howdah.mail (to_execution_id, id, tenant_id) where to_execution_id is not null;
create index mail_unread_idx on howdah.mail (to_agent_id, id, tenant_id)
  where received_at is null and to_execution_id is null and not is_within_tree;
create index questions_execution_id_idx on howdah.questions (execution_id);
alter table howdah.todos drop constraint todos_session_id_position_key,
  add constraint todos_session_id_position_key unique (session_id, position) deferrable initially deferred;
comment on constraint todos_session_id_position_key on howdah.todos is
  E'@behavior -*\nPositions change: a todo is named by its id.';
alter table howdah.workflow_versions drop constraint workflow_versions_workflow_id_version_key,
  add constraint workflow_versions_workflow_id_version_key unique (workflow_id, version);
alter table howdah.agent_versions drop constraint agent_versions_agent_id_version_key,
  add constraint agent_versions_agent_id_version_key unique (agent_id, version);
