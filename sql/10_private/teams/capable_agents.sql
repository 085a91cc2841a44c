-- Returns the agents that a router with members `capable` may choose from: the active agents that
-- the user of the run may run now. Agents with grants are left out, because the result is written
-- to the log, which more users may read. At most 100 are returned; agents that describe their
-- capabilities come first.
create or replace function howdah_private.capable_agents(execution_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(to_jsonb(array_agg(c.member order by c.lacks_description, c.name)), '[]')
  from (
    select a.name, a.description = '' and a.capabilities = '{}' as lacks_description,
      jsonb_strip_nulls(jsonb_build_object(
      'name', a.name, 'agent_id', a.id,
      'description', coalesce(nullif(a.description, ''), left(a.instruction, 1000)),
      'capabilities', to_jsonb(a.capabilities), 'domain', a.domain,
      'configuration', '{}'::jsonb)) as member
    from howdah.executions as e
    join howdah.executions as r on r.id = e.root_execution_id
    join howdah.agents as a on a.tenant_id = e.tenant_id
    where e.id = capable_agents.execution_id and a.deleted_at is null and a.is_active
      and (a.user_id is null or a.user_id = r.user_id)
      and not a.is_restricted and (r.user_id is null
        or howdah_private.user_may_run(r.user_id, a.id))
    order by 2, 1 limit 100
  ) as c
$$;
