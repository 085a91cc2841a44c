-- The counters of all runs, exact also while they are at work. See
-- sql/10_private/runs/fold_run_head.sql.
create or replace view howdah.execution_counters with (security_invoker = true) as
  select e.tenant_id, e.id::uuid as execution_id,
    coalesce(h.step_count, e.step_count) as step_count,
    coalesce(h.message_count, e.message_count) as message_count,
    coalesce(h.model_count, e.model_count) as model_count,
    coalesce(h.tokens_in, e.tokens_in) as tokens_in,
    coalesce(h.tokens_out, e.tokens_out) as tokens_out,
    coalesce(h.cost, e.cost) as cost,
    coalesce(h.trust, e.trust) as trust,
    coalesce(h.updated_at, e.updated_at) as updated_at
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id;
comment on view howdah.execution_counters is
  E'@behavior -*\nCounters of runs, exact also for running runs. Filter by one run: where '
  'execution_id = …';
