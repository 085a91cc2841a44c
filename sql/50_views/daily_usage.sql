drop view if exists howdah.daily_usage;
create view howdah.daily_usage with (security_invoker = true) as
  select e.tenant_id, e.created_at::date as day, e.agent_id, a.name as agent, e.workflow_id, w.name as workflow,
    count(*) as runs, sum(e.step_count) as steps,
    sum(e.tokens_in) as tokens_in, sum(e.tokens_out) as tokens_out, sum(e.cost) as cost
  from howdah.executions as e
  left join howdah.agents as a on a.id = e.agent_id
  left join howdah.workflows as w on w.id = e.workflow_id
  where e.compensates_execution_id is null -- taking back is no work of the agent's
  group by e.tenant_id, e.created_at::date, e.agent_id, a.name, e.workflow_id, w.name;
comment on view howdah.daily_usage is 'Runs, steps, tokens and cost per day and agent or workflow, without runs that take effects back.';
