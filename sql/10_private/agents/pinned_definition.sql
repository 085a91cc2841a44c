-- Returns a pinned definition of an agent or a workflow. It never changes, so a worker may cache it
-- forever.
create or replace function howdah_private.agent_version(id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select v.definition from howdah.agent_versions as v where v.id = agent_version.id
  union all
  select v.definition from howdah.workflow_versions as v where v.id = agent_version.id
$$;
