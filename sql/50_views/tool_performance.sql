drop view if exists howdah.tool_performance;
create view howdah.tool_performance with (security_invoker = true) as
  select s.tenant_id, s.name as tool,
    count(*) as calls, count(*) filter (where s.error is not null) as errors,
    percentile_cont(0.5) within group (order by extract(epoch from s.finished_at - s.started_at))
      as seconds_p50,
    percentile_cont(0.95) within group (order by extract(epoch from s.finished_at - s.started_at))
      as seconds_p95
  from howdah.steps as s
  where s.kind = 'tool' and coalesce(s.call_id not in ('route') and s.call_id not like 'plan.%', true) -- decisions of workflows
  group by s.tenant_id, s.name;
comment on view howdah.tool_performance is 'Calls, errors and seconds of each tool.';
