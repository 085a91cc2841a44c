-- What a fork shares with its original is the original's work: its steps are copies.
create or replace view howdah.agent_performance with (security_invoker = true) as
  select e.tenant_id, e.agent_id, a.name as agent, v.version,
    count(*) as runs,
    count(*) filter (where e.status = 'completed') as completed,
    count(*) filter (where e.status = 'failed') as failed,
    count(*) filter (where e.status = 'cancelled') as cancelled,
    round(count(*) filter (where e.status = 'completed')::numeric
      / nullif(count(*) filter (where e.completed_at is not null), 0), 4) as success_rate,
    round(avg(e.step_count - coalesce(e.forked_from_seq, 0)), 2) as steps_per_run,
    sum(e.tokens_in) as tokens_in, sum(e.tokens_out) as tokens_out, sum(e.cost) as cost,
    percentile_cont(0.5) within group (order by extract(epoch from e.completed_at - e.started_at))
      as seconds_p50,
    percentile_cont(0.95) within group (order by extract(epoch from e.completed_at - e.started_at))
      as seconds_p95,
    percentile_cont(0.99) within group (order by extract(epoch from e.completed_at - e.started_at))
      as seconds_p99
  from howdah.executions as e
  join howdah.agents as a on a.id = e.agent_id
  join howdah.agent_versions as v on v.id = e.agent_version_id
  where e.compensates_execution_id is null -- taking back is no work of the agent's
  group by e.tenant_id, e.agent_id, a.name, v.version;
comment on view howdah.agent_performance is
  'How each version of each agent does: runs, success rate (0…1), steps, tokens, cost, seconds. Without runs that take effects back.';
comment on column howdah.agent_performance.runs is 'All of them, those that are live too.';
comment on column howdah.agent_performance.success_rate is
  'Completed runs among those that have ended, from 0 to 1: a cancelled one is no success. Null before any has.';
comment on column howdah.agent_performance.steps_per_run is 'On average, without what a fork shares with its original.';
comment on column howdah.agent_performance.tokens_in is 'Read by its models, without those of the runs below.';
comment on column howdah.agent_performance.tokens_out is 'Written by its models, without those of the runs below.';
comment on column howdah.agent_performance.cost is 'At the prices of the models when each step was committed, without the runs below.';
comment on column howdah.agent_performance.seconds_p50 is
  'From the first claim to the end, what it waited for people and other runs included: half of the runs that have ended took no longer.';
comment on column howdah.agent_performance.seconds_p95 is 'So long at most took 95 of 100.';
comment on column howdah.agent_performance.seconds_p99 is 'So long at most took 99 of 100.';
