-- Names the private tables of Graphile Worker. No other file does: all others read this view. It
-- has the columns that Howdah needs, and test/sql/queue/queue_view.test.ts checks them when a new
-- version of Graphile Worker is installed. A migration of Graphile Worker that changes one of these
-- columns needs the view dropped first.
--
-- The name of the task is a subquery and not a join, so that rows can be locked through the view
-- and a query that does not ask for it never reads the table of tasks.
create or replace view howdah_private.queue_jobs with (security_invoker = true) as
  select j.id, j.key, j.payload, j.run_at, j.attempts, j.max_attempts, j.last_error, j.updated_at,
    j.locked_at, j.locked_by,
    (select t.identifier from graphile_worker._private_tasks as t where t.id = j.task_id) as task
  from graphile_worker._private_jobs as j;
comment on view howdah_private.queue_jobs is 'Jobs of Graphile Worker, as Howdah reads them.';

-- Returns the table that holds the jobs, for the statistics of Postgres about it.
create or replace function howdah_private.queue_table() returns regclass
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select 'graphile_worker._private_jobs'::regclass
$$;
