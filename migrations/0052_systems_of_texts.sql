-- Up Migration
-- Prompts and skills are parts of agent systems, as agents are.
alter table howdah.prompts
  add column agent_system_id uuid,
  add foreign key (tenant_id, agent_system_id) references howdah.agent_systems (tenant_id, id)
    on delete set null (agent_system_id);
create index prompts_agent_system_id_idx on howdah.prompts (tenant_id, agent_system_id);
comment on column howdah.prompts.agent_system_id is 'The agent system whose file describes it.';
alter table howdah.skills
  add column agent_system_id uuid,
  add foreign key (tenant_id, agent_system_id) references howdah.agent_systems (tenant_id, id)
    on delete set null (agent_system_id);
create index skills_agent_system_id_idx on howdah.skills (tenant_id, agent_system_id);
comment on column howdah.skills.agent_system_id is 'The agent system whose file describes it.';

-- Down Migration
alter table howdah.skills drop column agent_system_id;
alter table howdah.prompts drop column agent_system_id;
