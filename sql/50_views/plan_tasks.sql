-- The plans of orchestrators as rows. The log holds a plan as one step; the results of its tasks
-- are in the runs below it and in the questions to human members.
create or replace view howdah.plan_tasks with (security_invoker = true) as
  select s.tenant_id, s.execution_id, (s.output ->> 'plan')::int as plan, p.step::int as step,
    t.place::int as position,
    t.task ->> 'member' as member, t.task ->> 'task' as task,
    coalesce(e.status::text, q.status::text, 'planned') as status,
    e.id::uuid as member_execution_id, coalesce(e.output, q.answer) as output,
    s.finished_at as planned_at
  from howdah.steps as s
  cross join lateral jsonb_array_elements(s.output -> 'steps') with ordinality as p (tasks, step)
  cross join lateral jsonb_array_elements(p.tasks) with ordinality as t (task, place)
  cross join lateral (
    select format('%s.%s.%s', s.output ->> 'plan', p.step, t.place)) as c (call_id)
  left join lateral (
    select (b.output ->> 'execution_id')::uuid as id from howdah.steps as b
    where b.execution_id = s.execution_id and b.kind = 'child_started' and b.call_id = c.call_id
    order by b.seq desc limit 1
  ) as b on true
  left join howdah.executions as e on e.id = b.id
  left join howdah.questions as q on q.execution_id = s.execution_id and q.call_id = c.call_id
  where s.kind = 'tool' and s.name = 'plan' and s.call_id = 'plan.' || (s.output ->> 'plan')
    and exists (
    select from howdah.executions as w where w.id = s.execution_id and w.workflow_id is not null
  );
comment on view howdah.plan_tasks is
  E'@foreignKey (execution_id) references howdah.executions (id)|@fieldName '
  'execution|@foreignFieldName planTasks\nThe plans of orchestrators and the results of their '
  'tasks. Tasks of one step run concurrently. Filter by one run: where execution_id = …';
comment on column howdah.plan_tasks.status is
  'planned until the task starts, then the status of its run or of its question to a person.';
