-- The rollup of ended runs and the calls of live ones.
create or replace view howdah.tool_performance with (security_invoker = true) as
  with tools as (
    select c.tenant_id, c.tool, sum(c.calls) as calls, sum(c.errors) as errors,
      howdah_private.histogram_percentiles('{0.5,0.95,0.99}', array_agg(c.histogram)) as seconds
    from howdah_private.call_durations() as c where c.tool is not null
    group by c.tenant_id, c.tool
  )
  select t.tenant_id, t.tool, t.calls::bigint as calls, t.errors::bigint as errors,
    round((t.calls - t.errors) / t.calls, 4) as success_rate, t.seconds[1] as seconds_p50,
    t.seconds[2] as seconds_p95, t.seconds[3] as seconds_p99
  from tools as t;
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
