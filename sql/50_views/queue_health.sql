create or replace view howdah.queue_health with (security_invoker = true) as
  select e.tenant_id, e.status, e.waiting_for, count(*) as runs,
    min(greatest(e.run_at, e.wake_at)) as oldest_due,
    greatest(0, extract(epoch
      from now() - min(greatest(e.run_at, e.wake_at)))) as oldest_due_seconds
  from howdah.executions as e
  where e.status in ('queued', 'running', 'waiting', 'paused')
  group by e.tenant_id, e.status, e.waiting_for;
comment on view howdah.queue_health is
  'Live runs by status, and the age of the oldest due run. For operators.';
