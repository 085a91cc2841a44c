-- The rollup of ended runs and the calls of live ones. Percentiles are those of the averages of the
-- buckets of durations: `upto` is the number of calls up to a bucket.
create or replace view howdah.tool_performance with (security_invoker = true) as
  with buckets as (
    select c.tenant_id, c.tool, c.bucket, sum(c.calls) as calls, sum(c.errors) as errors,
      sum(c.micros) / sum(c.calls) as value
    from howdah_private.call_durations() as c where c.tool is not null
    group by c.tenant_id, c.tool, c.bucket
  ),
  durations as (
    select b.*, sum(b.calls) over (partition by b.tenant_id, b.tool order by b.bucket) as upto,
      sum(b.calls) over (partition by b.tenant_id, b.tool) as total
    from buckets as b
  )
  select d.tenant_id, d.tool, sum(d.calls)::bigint as calls, sum(d.errors)::bigint as errors,
    round((sum(d.calls) - sum(d.errors)) / sum(d.calls), 4) as success_rate,
    howdah_private.interpolate_percentile(0.5, max(d.total),
      min(d.value) filter (where d.upto > floor(0.5 * (d.total - 1))),
      min(d.value) filter (where d.upto > ceil(0.5 * (d.total - 1)))) as seconds_p50,
    howdah_private.interpolate_percentile(0.95, max(d.total),
      min(d.value) filter (where d.upto > floor(0.95 * (d.total - 1))),
      min(d.value) filter (where d.upto > ceil(0.95 * (d.total - 1)))) as seconds_p95,
    howdah_private.interpolate_percentile(0.99, max(d.total),
      min(d.value) filter (where d.upto > floor(0.99 * (d.total - 1))),
      min(d.value) filter (where d.upto > ceil(0.99 * (d.total - 1)))) as seconds_p99
  from durations as d
  group by d.tenant_id, d.tool;
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
