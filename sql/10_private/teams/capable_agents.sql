-- Whom a router may give a task to that looks for members itself: the active agents that the user of the run may run, as
-- they are now. Only those without grants: what is found stands in the log of the run, for everybody who reads that. Those
-- that say what they can do come first, at most 100.
create or replace function howdah_private.capable_agents(execution_id uuid) returns jsonb
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_agg(c.member order by c.says_nothing, c.name), '[]')
  from (
    select a.name, a.description = '' and a.capabilities = '{}' as says_nothing, jsonb_strip_nulls(jsonb_build_object(
      'name', a.name, 'agent_id', a.id,
      'description', coalesce(nullif(a.description, ''), left(a.instruction, 1000)),
      'capabilities', to_jsonb(a.capabilities), 'domain', a.domain, 'configuration', '{}'::jsonb)) as member
    from howdah.executions as e
    join howdah.executions as r on r.id = e.root_execution_id
    join howdah.agents as a on a.tenant_id = e.tenant_id
    where e.id = capable_agents.execution_id and a.deleted_at is null and a.is_active
      and (a.user_id is null or a.user_id = r.user_id)
      and not a.is_restricted and (r.user_id is null or howdah_private.user_may_run(r.user_id, a.id))
    order by 2, 1 limit 100
  ) as c
$$;
