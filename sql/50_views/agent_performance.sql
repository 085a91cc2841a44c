-- Steps that a fork shares with its original count for the original only, because they are copies.
-- Deleted runs count, as in daily_usage.
create or replace view howdah.agent_performance with (security_invoker = true) as
  select u.tenant_id, u.agent_id, a.name as agent, v.version,
    sum(u.runs)::bigint as runs,
    sum(u.completed)::bigint as completed,
    sum(u.failed)::bigint as failed,
    sum(u.cancelled)::bigint as cancelled,
    round(sum(u.completed) / nullif(sum(u.ended), 0), 4) as success_rate,
    round(sum(u.steps) / sum(u.runs), 2) as steps_per_run,
    sum(u.tokens_in) as tokens_in, sum(u.tokens_out) as tokens_out, sum(u.cost) as cost,
    -- one row has it: kept runs have no percentiles
    round(max(u.seconds_p50)::numeric, 4)::float8 as seconds_p50,
    round(max(u.seconds_p95)::numeric, 4)::float8 as seconds_p95,
    round(max(u.seconds_p99)::numeric, 4)::float8 as seconds_p99
  from (
    select e.tenant_id, e.agent_id, e.agent_version_id,
      count(*) as runs,
      count(*) filter (where e.status = 'completed') as completed,
      count(*) filter (where e.status = 'failed') as failed,
      count(*) filter (where e.status = 'cancelled') as cancelled,
      count(*) filter (where e.completed_at is not null) as ended,
      sum(coalesce(h.step_count, e.step_count) - coalesce(e.forked_from_seq, 0)) as steps,
      sum(coalesce(h.tokens_in, e.tokens_in)) as tokens_in,
      sum(coalesce(h.tokens_out, e.tokens_out)) as tokens_out,
      sum(coalesce(h.cost, e.cost)) as cost,
      percentile_cont(0.5) within group (order by extract(epoch from e.completed_at - e.started_at))
        as seconds_p50,
      percentile_cont(0.95) within group (
        order by extract(epoch from e.completed_at - e.started_at)) as seconds_p95,
      percentile_cont(0.99) within group (
        order by extract(epoch from e.completed_at - e.started_at)) as seconds_p99
    from howdah.executions as e
    left join howdah_private.run_heads as h on h.execution_id = e.id
    where e.compensates_execution_id is null -- compensations are not work of the agent
      and not exists (select from howdah_private.counted_months() as m where e.id >= m.first_id
        and e.id < m.next_id)
    group by 1, 2, 3
    union all
    select k.tenant_id, k.agent_id, k.agent_version_id, k.runs, k.completed, k.failed, k.cancelled,
      k.runs, k.steps, k.tokens_in, k.tokens_out, k.cost, null::float8 as seconds_p50,
      null::float8 as seconds_p95, null::float8 as seconds_p99
    from howdah.deleted_run_usage as k
  ) as u
  join howdah.agents as a on a.id = u.agent_id
  join howdah.agent_versions as v on v.id = u.agent_version_id
  group by u.tenant_id, u.agent_id, a.name, v.version;
comment on view howdah.agent_performance is
  'Performance of each version of each agent: runs, success rate (0…1), steps, tokens, cost, '
  'seconds. Runs that compensate effects are left out.';
comment on column howdah.agent_performance.runs is 'All runs, including live ones.';
comment on column howdah.agent_performance.success_rate is
  'Share of completed runs among the runs that have ended, from 0 to 1. Cancelled runs count as '
  'ended. Null before the first run has ended.';
comment on column howdah.agent_performance.steps_per_run is
  'Average number of steps, without steps that a fork shares with its original.';
comment on column howdah.agent_performance.tokens_in is
  'Tokens that its models read, without the runs below.';
comment on column howdah.agent_performance.tokens_out is
  'Tokens that its models wrote, without the runs below.';
comment on column howdah.agent_performance.cost is
  'Cost at the prices at the time of each step, without the runs below.';
comment on column howdah.agent_performance.seconds_p50 is
  'Median run duration from the first claim to the end, in seconds, including waits for people '
  'and other runs.';
comment on column howdah.agent_performance.seconds_p95 is
  '95th percentile of the duration, in seconds.';
comment on column howdah.agent_performance.seconds_p99 is
  '99th percentile of the duration, in seconds.';
