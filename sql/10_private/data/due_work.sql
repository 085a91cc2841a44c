-- Work that is due at a time: `due_work`, a queue beside the jobs of Graphile Worker. Each kind has
-- its own function that enqueues rows, and one that workers call every few seconds, which takes
-- rows. What is done is removed, and what cannot be done yet is postponed.
--   erase_run     enqueue_erasures      erase_due              erase_ended_runs.sql
--   encrypt_run   enqueue_encryptions   take_encryptions       encrypt_contents.sql
--   delete_file   a trigger             claim_file_deletions   delete_files.sql
-- Rows stay locked until the transaction of a worker ends. A worker that works after this
-- transaction postpones a row when it takes it, so the work is due again if the worker dies.

-- Locks work that is due and returns it, the lowest priority first and then the oldest. Passes over
-- work that another transaction has locked.
create or replace function howdah_private.take_due(kind howdah_private.due_kind, batch int)
  returns setof howdah_private.due_work
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select d.* from howdah_private.due_work as d
  where d.kind = take_due.kind and d.due_at <= now()
  order by d.priority, d.due_at limit take_due.batch
  for update skip locked
$$;

-- Removes work that is done or no longer needed.
create or replace function howdah_private.finish_due(kind howdah_private.due_kind, ids uuid[])
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  delete from howdah_private.due_work as d
  where d.kind = finish_due.kind and d.id = any (finish_due.ids)
$$;

-- Makes work due again after a delay.
create or replace function howdah_private.postpone_due(
  kind howdah_private.due_kind, ids uuid[], delay interval
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.due_work as d set due_at = now() + postpone_due.delay
  where d.kind = postpone_due.kind and d.id = any (postpone_due.ids)
$$;
