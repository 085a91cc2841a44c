-- The rollup of ended runs and the calls of live ones.
create or replace view howdah.tool_performance with (security_invoker = true) as
  with tools as (
    select c.tenant_id, c.tool, sum(c.calls) as calls, sum(c.errors) as errors,
      sum(c.cached_calls) as cached_calls,
      howdah_private.histogram_percentiles('{0.5,0.95,0.99}', array_agg(c.histogram)) as seconds
    from howdah_private.call_histograms() as c where c.tool is not null
    group by c.tenant_id, c.tool
  )
  select t.tenant_id, t.tool, t.calls::bigint as calls, t.errors::bigint as errors,
    round((t.calls - t.errors) / nullif(t.calls, 0), 4) as success_rate,
    t.seconds[1] as seconds_p50, t.seconds[2] as seconds_p95, t.seconds[3] as seconds_p99,
    t.cached_calls::bigint as cached_calls
  from tools as t;
comment on view howdah.tool_performance is
  'Calls, errors and seconds of each tool, without the decisions of workflows. Calls that a fork '
  'shares with its original count once.';
comment on column howdah.tool_performance.calls is
  'Calls that were made, without those that the answer cache answered.';
comment on column howdah.tool_performance.errors is
  'Calls whose result reported an error to the model. Repeated attempts count once.';
comment on column howdah.tool_performance.success_rate is
  'Share of calls without an error, from 0 to 1. Null if no call was made.';
comment on column howdah.tool_performance.seconds_p50 is
  'Median duration of a call in seconds, without the wait for approval.';
comment on column howdah.tool_performance.seconds_p95 is
  '95th percentile of the duration, in seconds.';
comment on column howdah.tool_performance.seconds_p99 is
  '99th percentile of the duration, in seconds.';
comment on column howdah.tool_performance.cached_calls is
  'Calls that the answer cache answered (tools.cache_answers_for). They are in none of the other '
  'figures.';
