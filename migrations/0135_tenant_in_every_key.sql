-- Up Migration
-- What a key without the tenant finds, an index with the tenant finds as well, so that reading need not ask whose a row is
-- only once it is found. Of parts the index by agent now has the whole key. All of them are small but watched_rows, which has a
-- row for each row of a watched table that was answered.
create index watched_rows_tenant_id_idx on howdah.watched_rows (tenant_id, execution_id);
create index api_keys_prefix_idx on howdah.api_keys (tenant_id, prefix);

drop index howdah.agent_models_agent_id_idx, howdah.agent_servers_agent_id_idx, howdah.agent_skills_agent_id_idx,
  howdah.agent_tools_agent_id_idx;
create index agent_models_agent_id_idx on howdah.agent_models (tenant_id, agent_id, purpose, position);
create index agent_servers_agent_id_idx on howdah.agent_servers (tenant_id, agent_id, server_id);
create index agent_skills_agent_id_idx on howdah.agent_skills (tenant_id, agent_id, skill_id);
create index agent_tools_agent_id_idx on howdah.agent_tools (tenant_id, agent_id, tool_id);

-- Down Migration
drop index howdah.agent_models_agent_id_idx, howdah.agent_servers_agent_id_idx, howdah.agent_skills_agent_id_idx,
  howdah.agent_tools_agent_id_idx;
create index agent_models_agent_id_idx on howdah.agent_models (tenant_id, agent_id);
create index agent_servers_agent_id_idx on howdah.agent_servers (tenant_id, agent_id);
create index agent_skills_agent_id_idx on howdah.agent_skills (tenant_id, agent_id);
create index agent_tools_agent_id_idx on howdah.agent_tools (tenant_id, agent_id);

drop index howdah.watched_rows_tenant_id_idx, howdah.api_keys_prefix_idx;
