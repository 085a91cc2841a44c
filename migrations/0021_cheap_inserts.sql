-- Up Migration
-- Two look-ups and two row locks per run, for what its insert trigger reads from the agent in the same moment
-- (_110_check_version). GraphQL is told of both.
alter table howdah.executions
  drop constraint executions_tenant_id_agent_id_fkey,
  drop constraint executions_tenant_id_agent_version_id_fkey;
comment on table howdah.executions is
  E'@foreignKey (agent_id) references howdah.agents (id)\n@foreignKey (agent_version_id) references howdah.agent_versions (id)\nRuns. Inserting (agent_id, input) starts one; its log is steps, its conversation is messages.';

-- Down Migration
comment on table howdah.executions is
  'Runs. Inserting (agent_id, input) starts one; its log is steps, its conversation is messages.';
alter table howdah.executions
  add foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete restrict,
  add foreign key (tenant_id, agent_version_id)
    references howdah.agent_versions (tenant_id, id) on delete restrict;
