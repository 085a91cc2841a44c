-- Runs that exist, and kept figures of deleted runs. A month that is being dropped is already
-- counted in the kept figures.
create or replace view howdah.daily_usage with (security_invoker = true) as
  select u.tenant_id, u.day, u.agent_id, a.name as agent, u.workflow_id, w.name as workflow,
    sum(u.runs)::bigint as runs,
    sum(u.completed)::bigint as completed,
    sum(u.failed)::bigint as failed,
    round(sum(u.completed) / nullif(sum(u.ended), 0), 4) as success_rate,
    sum(u.steps)::bigint as steps,
    sum(u.tokens_in) as tokens_in, sum(u.tokens_out) as tokens_out, sum(u.cost) as cost,
    -- one row has it: kept runs have no percentiles
    round(max(u.seconds_p50)::numeric, 4)::float8 as seconds_p50,
    round(max(u.seconds_p95)::numeric, 4)::float8 as seconds_p95
  from (
    select e.tenant_id, (e.created_at at time zone 'UTC')::date as day, e.agent_id, e.workflow_id,
      count(*) as runs,
      count(*) filter (where e.status = 'completed') as completed,
      count(*) filter (where e.status = 'failed') as failed,
      count(*) filter (where e.completed_at is not null) as ended,
      sum(coalesce(h.step_count, e.step_count) - coalesce(e.forked_from_seq, 0)) as steps,
      sum(coalesce(h.tokens_in, e.tokens_in)) as tokens_in,
      sum(coalesce(h.tokens_out, e.tokens_out)) as tokens_out,
      sum(coalesce(h.cost, e.cost)) as cost,
      percentile_cont(0.5) within group (order by extract(epoch from e.completed_at - e.started_at))
        as seconds_p50,
      percentile_cont(0.95) within group (
        order by extract(epoch from e.completed_at - e.started_at)) as seconds_p95
    from howdah.executions as e
    left join howdah_private.run_heads as h on h.execution_id = e.id
    where e.compensates_execution_id is null -- compensations are not work of the agent
      and not exists (select from howdah_private.counted_months() as m where e.id >= m.first_id
        and e.id < m.next_id)
    group by 1, 2, 3, 4
    union all
    select k.tenant_id, k.day, k.agent_id, k.workflow_id, k.runs, k.completed, k.failed,
      k.runs, k.steps, k.tokens_in, k.tokens_out, k.cost, null::float8 as seconds_p50,
      null::float8 as seconds_p95
    from howdah.deleted_run_usage as k
  ) as u
  left join howdah.agents as a on a.id = u.agent_id
  left join howdah.workflows as w on w.id = u.workflow_id
  group by u.tenant_id, u.day, u.agent_id, a.name, u.workflow_id, w.name;
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
