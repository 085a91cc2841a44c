-- The rollup of ended runs, deleted ones included, and live runs.
create or replace view howdah.agent_performance with (security_invoker = true) as
  with usage as (
    select r.tenant_id, r.agent_id, r.agent_version_id, sum(r.runs) as runs,
      sum(r.ended) as ended,
      coalesce(sum(r.runs) filter (where r.outcome = 'completed'), 0) as completed,
      coalesce(sum(r.runs) filter (where r.outcome = 'failed'), 0) as failed,
      coalesce(sum(r.runs) filter (where r.outcome = 'cancelled'), 0) as cancelled,
      sum(r.steps) as steps, sum(r.tokens_in) as tokens_in, sum(r.tokens_out) as tokens_out,
      sum(r.cost) as cost
    from howdah_private.run_usage() as r where r.agent_version_id is not null
    group by r.tenant_id, r.agent_id, r.agent_version_id
  ),
  durations as (
    select r.tenant_id, r.agent_id, r.agent_version_id,
      howdah_private.histogram_percentiles('{0.5,0.95,0.99}', array_agg(r.histogram)) as seconds
    from howdah_private.run_durations() as r where r.agent_version_id is not null
    group by r.tenant_id, r.agent_id, r.agent_version_id
  )
  select u.tenant_id, u.agent_id, a.name as agent, v.version, u.runs::bigint as runs,
    u.completed::bigint as completed, u.failed::bigint as failed, u.cancelled::bigint as cancelled,
    round(u.completed / nullif(u.ended, 0), 4) as success_rate,
    round(u.steps / u.runs, 2) as steps_per_run, u.tokens_in, u.tokens_out, u.cost,
    p.seconds[1] as seconds_p50, p.seconds[2] as seconds_p95,
    p.seconds[3] as seconds_p99
  from usage as u
  join howdah.agents as a on a.id = u.agent_id
  join howdah.agent_versions as v on v.id = u.agent_version_id
  left join durations as p on p.tenant_id = u.tenant_id and p.agent_id = u.agent_id
    and p.agent_version_id = u.agent_version_id
  where u.runs > 0;
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
