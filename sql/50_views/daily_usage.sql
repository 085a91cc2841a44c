create or replace view howdah.daily_usage with (security_invoker = true) as
  select e.tenant_id, (e.created_at at time zone 'UTC')::date as day, e.agent_id, a.name as agent, e.workflow_id, w.name as workflow,
    count(*) as runs,
    count(*) filter (where e.status = 'completed') as completed,
    count(*) filter (where e.status = 'failed') as failed,
    round(count(*) filter (where e.status = 'completed')::numeric
      / nullif(count(*) filter (where e.completed_at is not null), 0), 4) as success_rate,
    sum(e.step_count - coalesce(e.forked_from_seq, 0)) as steps,
    sum(e.tokens_in) as tokens_in, sum(e.tokens_out) as tokens_out, sum(e.cost) as cost,
    percentile_cont(0.5) within group (order by extract(epoch from e.completed_at - e.started_at))
      as seconds_p50,
    percentile_cont(0.95) within group (order by extract(epoch from e.completed_at - e.started_at))
      as seconds_p95
  from howdah.executions as e
  left join howdah.agents as a on a.id = e.agent_id
  left join howdah.workflows as w on w.id = e.workflow_id
  where e.compensates_execution_id is null -- taking back is no work of the agent's
  group by e.tenant_id, (e.created_at at time zone 'UTC')::date, e.agent_id, a.name, e.workflow_id, w.name;
comment on view howdah.daily_usage is
  'Runs, success, steps, tokens, cost and seconds per day and agent or workflow, without runs that take effects back.';
comment on column howdah.daily_usage.day is 'The day in UTC on which the runs were inserted.';
comment on column howdah.daily_usage.success_rate is 'As in agent_performance.';
comment on column howdah.daily_usage.steps is 'Without what forks share with their originals.';
comment on column howdah.daily_usage.cost is
  'What the runs themselves used: that of the runs below them stands in the rows of their agents, so that a sum counts nothing twice.';
comment on column howdah.daily_usage.seconds_p50 is 'From the first claim to the end, as in agent_performance.';
