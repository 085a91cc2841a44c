-- Names the private tables of Graphile Worker. No other file does: all others use this view. It has
-- the columns that Howdah needs, and test/sql/queue/queue_view.test.ts checks them when a new
-- version of Graphile Worker is installed. A migration of Graphile Worker that changes one of these
-- columns needs the view dropped first.
--
-- The name of the task is a subquery and not a join, so that rows can be locked through the view
-- and a query that does not ask for it never reads the table of tasks.
create or replace view howdah_private.queue_jobs with (security_invoker = true) as
  select j.id, j.key, j.payload, j.run_at, j.attempts, j.max_attempts, j.last_error, j.updated_at,
    j.locked_at, j.locked_by,
    (select t.identifier from graphile_worker._private_tasks as t where t.id = j.task_id) as task,
    j.task_id, j.priority
  from graphile_worker._private_jobs as j;
comment on view howdah_private.queue_jobs is
  'Jobs of Graphile Worker, as Howdah reads them. Wake-ups of new runs are inserted here.';

-- Returns the id of a task of the queue, or no row if no job has had this task. It is inlined into
-- the statement that asks.
create or replace function howdah_private.queue_task(identifier text) returns table (id int)
  language sql stable
begin atomic
  select t.id from graphile_worker._private_tasks as t
  where t.identifier = queue_task.identifier;
end;

-- Returns the table that holds the jobs, for the statistics of Postgres about it.
create or replace function howdah_private.queue_table() returns regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select 'graphile_worker._private_jobs'::regclass
$$;
