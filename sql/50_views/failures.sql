create or replace view howdah.failures with (security_invoker = true) as
  select e.tenant_id, d.day, e.agent_id, a.name as agent, e.workflow_id, w.name as workflow,
    e.stop_reason, e.error ->> 'code' as code, count(*) as runs,
    (array_agg(e.id::uuid order by e.id desc))[1] as example_execution_id
  from howdah_private.run_days() as d
  cross join lateral ( -- offset 0: the runs of each day are found by their ids
    select x.* from howdah.executions as x
    where x.id >= d.first_id and x.id < d.next_id and x.status = 'failed' offset 0
  ) as e
  left join howdah.agents as a on a.id = e.agent_id
  left join howdah.workflows as w on w.id = e.workflow_id
  group by e.tenant_id, d.day, e.agent_id, a.name, e.workflow_id, w.name, e.stop_reason,
    e.error ->> 'code';
comment on view howdah.failures is
  'Failed runs per day, agent or workflow, and reason, child runs included, with the newest of '
  'them as an example. A condition on day reads the runs of these days only.';
comment on column howdah.failures.day is 'The day in UTC on which the runs were inserted.';
comment on column howdah.failures.stop_reason is
  'Why the runs ended: error, a limit such as max_steps, and so on.';
comment on column howdah.failures.code is 'Code of the error, as in docs/errors.';
comment on column howdah.failures.runs is 'Number of runs that failed and still exist.';
comment on column howdah.failures.example_execution_id is 'The newest of these runs.';
