create or replace view howdah.routing_decisions with (security_invoker = true) as
  select s.tenant_id, s.execution_id, s.seq, e.workflow_id, s.output ->> 'method' as method,
    s.output -> 'chosen' as chosen, s.output ->> 'reason' as reason,
    s.output -> 'candidates' as candidates, s.finished_at as decided_at
  from howdah.steps as s
  join howdah.executions as e on e.id = s.execution_id
  where s.kind = 'tool' and s.name = 'route' and s.call_id = 'route' and e.workflow_id is not null;
comment on view howdah.routing_decisions is
  'The decisions of routers: the chosen members with confidence and reason, and the candidates. '
  'Filter by one run: where execution_id = …';
