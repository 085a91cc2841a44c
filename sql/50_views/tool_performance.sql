create or replace view howdah.tool_performance with (security_invoker = true) as
  select u.tenant_id, u.tool, sum(u.calls)::bigint as calls, sum(u.errors)::bigint as errors,
    round((sum(u.calls) - sum(u.errors)) / sum(u.calls), 4) as success_rate,
    -- one row has it: kept steps have no percentiles
    round(max(u.seconds_p50)::numeric, 4)::float8 as seconds_p50,
    round(max(u.seconds_p95)::numeric, 4)::float8 as seconds_p95,
    round(max(u.seconds_p99)::numeric, 4)::float8 as seconds_p99
  from (
    select s.tenant_id, s.name as tool, count(*) as calls, count(s.error) as errors,
      percentile_cont(0.5) within group (order by extract(epoch from s.finished_at - s.started_at))
        as seconds_p50,
      percentile_cont(0.95) within group (order by extract(epoch from s.finished_at - s.started_at))
        as seconds_p95,
      percentile_cont(0.99) within group (order by extract(epoch from s.finished_at - s.started_at))
        as seconds_p99
    from howdah.steps as s
    where s.kind = 'tool' and howdah_private.is_tool_call_id(s.call_id)
      and not exists ( -- copies in a fork: the original made the call
        select from howdah.executions as f
        where f.id = s.execution_id and f.tenant_id = s.tenant_id and f.forked_from_seq is not null
          and s.seq <= f.forked_from_seq
      ) and not exists (
        select from howdah_private.counted_months() as c where s.execution_id >= c.first_id
          and s.execution_id < c.next_id
      )
    group by s.tenant_id, s.name
    union all
    select k.tenant_id, k.tool, k.steps, k.errors,
      null::float8 as seconds_p50, null::float8 as seconds_p95, null::float8 as seconds_p99
    from howdah.deleted_step_usage as k where k.tool is not null
  ) as u
  group by u.tenant_id, u.tool;
comment on view howdah.tool_performance is
  'Calls, errors and seconds of each tool, without the decisions of workflows. Calls that a fork '
  'shares with its original count once.';
comment on column howdah.tool_performance.errors is
  'Calls whose result reported an error to the model. Repeated attempts count once.';
comment on column howdah.tool_performance.success_rate is
  'Share of calls without an error, from 0 to 1.';
comment on column howdah.tool_performance.seconds_p50 is
  'Median duration of a call in seconds, without the wait for approval.';
comment on column howdah.tool_performance.seconds_p95 is
  '95th percentile of the duration, in seconds.';
comment on column howdah.tool_performance.seconds_p99 is
  '99th percentile of the duration, in seconds.';
