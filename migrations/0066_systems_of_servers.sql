-- Up Migration
-- MCP servers are parts of agent systems, as prompts and skills are.
alter table howdah.mcp_servers
  add column agent_system_id uuid,
  add foreign key (tenant_id, agent_system_id) references howdah.agent_systems (tenant_id, id)
    on delete set null (agent_system_id);
create index mcp_servers_agent_system_id_idx on howdah.mcp_servers (tenant_id, agent_system_id);
comment on column howdah.mcp_servers.agent_system_id is 'The agent system whose file describes it.';

-- Down Migration
alter table howdah.mcp_servers drop column agent_system_id;
