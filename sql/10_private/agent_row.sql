-- The whole row for functions that give it back: the application may not read every column itself.
create or replace function howdah_private.agent_row(id uuid) returns howdah.agents
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select a.* from howdah.agents as a
  where a.id = agent_row.id and howdah_private.may_act_for(a.tenant_id) and howdah_private.sees_agent(a.id)
$$;
