-- The rollup of ended runs, deleted ones included, and live runs.
create or replace view howdah.daily_usage with (security_invoker = true) as
  with usage as (
    select r.tenant_id, r.day, r.agent_id, r.workflow_id, sum(r.runs) as runs,
      sum(r.ended) as ended,
      coalesce(sum(r.runs) filter (where r.outcome = 'completed'), 0) as completed,
      coalesce(sum(r.runs) filter (where r.outcome = 'failed'), 0) as failed,
      sum(r.steps) as steps, sum(r.tokens_in) as tokens_in, sum(r.tokens_out) as tokens_out,
      sum(r.cost) as cost
    from howdah_private.run_usage() as r
    group by r.tenant_id, r.day, r.agent_id, r.workflow_id
  ),
  durations as (
    select r.tenant_id, r.day, coalesce(r.agent_id, r.workflow_id) as target_id,
      howdah_private.histogram_percentiles('{0.5,0.95}', array_agg(r.histogram)) as seconds
    from howdah_private.run_durations() as r
    group by r.tenant_id, r.day, r.agent_id, r.workflow_id
  )
  select u.tenant_id, u.day, u.agent_id, a.name as agent, u.workflow_id, w.name as workflow,
    u.runs::bigint as runs, u.completed::bigint as completed, u.failed::bigint as failed,
    round(u.completed / nullif(u.ended, 0), 4) as success_rate, u.steps::bigint as steps,
    u.tokens_in, u.tokens_out, u.cost, p.seconds[1] as seconds_p50, p.seconds[2] as seconds_p95
  from usage as u
  left join durations as p on p.tenant_id = u.tenant_id and p.day = u.day
    and p.target_id = coalesce(u.agent_id, u.workflow_id)
  left join howdah.agents as a on a.id = u.agent_id
  left join howdah.workflows as w on w.id = u.workflow_id
  where u.runs > 0;
comment on view howdah.daily_usage is
  'Runs, success, steps, tokens, cost and seconds per day and agent or workflow, including '
  'deleted runs. Runs that compensate effects are left out.';
comment on column howdah.daily_usage.day is 'The day in UTC on which the runs were inserted.';
comment on column howdah.daily_usage.success_rate is 'As in agent_performance.';
comment on column howdah.daily_usage.steps is
  'Number of steps, without steps that forks share with their originals.';
comment on column howdah.daily_usage.cost is
  'Cost of the runs themselves. The cost of runs below is in the rows of their agents, so a sum '
  'counts nothing twice.';
comment on column howdah.daily_usage.seconds_p50 is
  'Median duration from the first claim to the end, as in agent_performance.';
