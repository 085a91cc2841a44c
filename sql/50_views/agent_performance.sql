drop view if exists howdah.agent_performance;
create view howdah.agent_performance with (security_invoker = true) as
  select e.tenant_id, e.agent_id, a.name as agent, v.version,
    count(*) as runs,
    count(*) filter (where e.status = 'completed') as completed,
    count(*) filter (where e.status = 'failed') as failed,
    round(count(*) filter (where e.status = 'completed')::numeric
      / nullif(count(*) filter (where e.completed_at is not null), 0), 4) as success_rate,
    round(avg(e.step_count), 2) as steps_per_run,
    sum(e.tokens_in) as tokens_in, sum(e.tokens_out) as tokens_out, sum(e.cost) as cost,
    percentile_cont(0.5) within group (order by extract(epoch from e.completed_at - e.started_at))
      as seconds_p50,
    percentile_cont(0.95) within group (order by extract(epoch from e.completed_at - e.started_at))
      as seconds_p95
  from howdah.executions as e
  join howdah.agents as a on a.id = e.agent_id
  join howdah.agent_versions as v on v.id = e.agent_version_id
  where e.compensates_execution_id is null -- taking back is no work of the agent's
  group by e.tenant_id, e.agent_id, a.name, v.version;
comment on view howdah.agent_performance is
  'How each version of each agent does: runs, success rate (0…1), steps, tokens, cost, seconds. Without runs that take effects back.';
