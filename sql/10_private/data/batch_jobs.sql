-- Batch jobs: what workers do with many rows, besides runs. A worker takes rows that are due, does
-- them, and records the progress (workers/batch-jobs/). howdah.batch_jobs shows the progress of
-- each job, and howdah.pause_batch_job stops it until resume_batch_job.
--   job               due rows     found by              taken by               file
--   encrypt_run       due_work     enqueue_encryptions   take_encryptions       encrypt_contents
--   erase_run         due_work     enqueue_erasures      erase_due              erase_ended_runs
--   delete_file       due_work     a trigger             claim_file_deletions   delete_files
--   embed_chunk       due_embeddings a trigger           claim_chunks           embeddings
--   grade_run         due_grades   a trigger             claim_grades           grade_runs
--   ingest_document   due_documents  a trigger           claim_documents        ingest_documents
--   recognize_document  due_documents  await_recognition  claim_documents      recognize_documents
--   write_answer      due_answers  enqueue_write_back    claim_answers          write_back
--   count_usage       usage_events a trigger             count_usage            usage_rollup
--   merge_usage       unmerged     count_usage           merge_usage            usage_rollup
--   apply_retention   none         policies              retain_tenant          retention
--   index_vectors     none         planned_vector_indexes  the owner            vector_indexes
-- `due_work` is their queue, beside the jobs of Graphile Worker. Answers, grades, documents and
-- chunks have tables of their own, since their lanes are watches, evaluations, knowledge bases and
-- generations. Rows stay
-- locked until the transaction of a worker ends. A worker that works after this transaction
-- postpones a row when it takes it, so the work is due again if the worker dies. What is done is
-- removed. What cannot be done yet is postponed, and what fails is tried again after a delay that
-- doubles.

-- Returns the batch jobs, and what each of them does.
create or replace function howdah_private.batch_job_list()
  returns table (name text, description text)
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  values
    ('apply_retention', 'Erases and deletes what retention policies no longer keep, each night.'),
    ('count_usage', 'Counts runs that have ended in the rollup of usage.'),
    ('delete_file', 'Deletes files in the folder of the workers whose resources are deleted.'),
    ('delete_vector', 'Deletes vectors of knowledge bases that other vectors have replaced.'),
    ('embed_chunk', 'Makes vectors of chunks of knowledge bases, by their embedding models.'),
    ('encrypt_run', 'Encrypts contents of runs that have ended, and decrypts those that go on.'),
    ('erase_run', 'Erases contents that a tenant does not keep beyond the end of a run.'),
    ('grade_run', 'Grades runs of evaluations that have ended.'),
    ('index_vectors', 'Creates and drops the indexes of vectors by pgvector, each night.'),
    ('ingest_document', 'Divides documents of knowledge bases into chunks, with their terms.'),
    ('merge_usage', 'Merges rows of the rollup of usage that have the same key.'),
    ('recognize_document', 'Recognizes the text of scans and images in knowledge bases.'),
    ('write_answer', 'Writes answers of runs into the rows of watched tables.')
$$;

-- Returns whether a job is paused.
create or replace function howdah_private.is_batch_job_paused(job text) returns boolean
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  select exists (
    select from howdah_private.batch_progress as b
    where b.name = is_batch_job_paused.job and b.paused_at is not null)
$$;

-- Records batches that are done, and the last error. Workers call it after the transaction of their
-- batch, since all record in one row.
create or replace function howdah_private.record_batch(job text, done int, error text)
  returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  insert into howdah_private.batch_progress as b (name, done, done_at, failed_at, last_error)
  select record_batch.job, record_batch.done,
    case when record_batch.done > 0 then clock_timestamp() end,
    case when record_batch.error is not null then clock_timestamp() end,
    left(record_batch.error, 200)
  where record_batch.done > 0 or record_batch.error is not null
  on conflict (name) do update set done = b.done + excluded.done,
    done_at = coalesce(excluded.done_at, b.done_at),
    failed_at = coalesce(excluded.failed_at, b.failed_at),
    last_error = coalesce(excluded.last_error, b.last_error)
$$;

-- Returns how many rows of each job are due, due later, and to be tried again after a failure.
create or replace function howdah_private.batch_job_rows()
  returns table (name text, waiting bigint, later bigint, failing bigint, oldest_due_at timestamptz)
  language sql stable security definer
  set search_path = pg_catalog, pg_temp
as $$
  with due as (
    select d.kind::text as name, d.due_at, d.last_error is not null as has_failed
    from howdah_private.due_work as d
    union all
    select 'write_answer', d.due_at, d.attempts > 0 from howdah_private.due_answers as d
    union all
    select case when d.needs_recognition then 'recognize_document' else 'ingest_document' end,
      d.due_at, d.attempts > 1 or d.postponed > 0
    from howdah_private.due_documents as d
    union all
    select 'embed_chunk', greatest(d.due_at, g.due_at), g.error is not null or d.error is not null
    from howdah_private.due_embeddings as d
    join howdah_private.embedding_generations as g on g.id = d.generation_id
    where g.retired_at is null
    union all
    select 'delete_vector', g.retired_at, false
    from howdah_private.embedding_generations as g
    join howdah_private.chunk_embeddings as e on e.generation_id = g.id
    where g.retired_at is not null
    union all
    select 'grade_run', d.due_at, d.attempts > 1 from howdah_private.due_grades as d
    union all
    select 'count_usage', null, false from howdah_private.usage_events
  )
  select d.name, count(*) filter (where coalesce(d.due_at <= now(), true)),
    count(*) filter (where d.due_at > now()), count(*) filter (where d.has_failed),
    min(d.due_at) filter (where d.due_at <= now())
  from due as d
  group by d.name
$$;

-- Returns whether the caller may pause batch jobs. They work for all tenants, so the caller owns
-- the database, or the machine on which everything runs (owns_machine).
create or replace function howdah_private.can_pause_batch_jobs() returns boolean
  language sql stable
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.is_operator()
    or (howdah_private.owns_machine() and howdah.current_user_role() = 'owner')
$$;

-- Pauses a job at a time, or resumes it if the time is null.
create or replace function howdah_private.set_batch_job_pause(job text, paused_at timestamptz)
  returns void
  language plpgsql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_jobs text[] := array(select j.name from howdah_private.batch_job_list() as j order by 1);
begin
  if not howdah_private.can_pause_batch_jobs() then
    raise exception using errcode = 'HWDEN',
      message = 'only an owner of the database may pause and resume batch jobs',
      hint = 'Connect as the owner of the database: npx howdah db url.';
  elsif set_batch_job_pause.job is null or set_batch_job_pause.job <> all (v_jobs) then
    raise exception using errcode = 'HWNTF',
      message = format('there is no batch job %s',
        coalesce(quote_literal(set_batch_job_pause.job), 'null')),
      detail = jsonb_build_object('name', set_batch_job_pause.job)::text,
      hint = format('The batch jobs are %s.', array_to_string(v_jobs, ', '));
  end if;
  insert into howdah_private.batch_progress as b (name, paused_at)
  values (set_batch_job_pause.job, set_batch_job_pause.paused_at)
  on conflict (name) do update set paused_at = case
    when excluded.paused_at is not null then coalesce(b.paused_at, excluded.paused_at) end;
end $$;

-- Locks work that is due and returns it, the lowest priority first and then the oldest. Passes over
-- work that another transaction has locked. A pause does not stop work of priority 0, for which a
-- live run waits.
create or replace function howdah_private.take_due(kind howdah_private.due_kind, batch int)
  returns setof howdah_private.due_work
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  select d.* from howdah_private.due_work as d
  where d.kind = take_due.kind and d.due_at <= now()
    and d.priority <= (
      select case when howdah_private.is_batch_job_paused(take_due.kind::text) then 0
        else 32767 end)
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

-- Returns the delay before the next attempt: a minute, then two, four and so on, up to an hour.
create or replace function howdah_private.retry_delay(attempts int) returns interval
  language sql immutable
  set search_path = pg_catalog, pg_temp
as $$
  select least(interval '1 minute' * 2 ^ least(retry_delay.attempts, 6), interval '1 hour')
$$;

-- Records that work failed, and makes it due again after a delay: a second if the error was
-- transient, such as a deadlock, of which the work is not the cause.
create or replace function howdah_private.fail_due(
  kind howdah_private.due_kind, id uuid, error text, is_transient boolean default false
) returns void
  language sql volatile security definer
  set search_path = pg_catalog, pg_temp
as $$
  update howdah_private.due_work as d
  set attempts = d.attempts + case when fail_due.is_transient then 0 else 1 end,
    due_at = now() + case when fail_due.is_transient then interval '1 second'
      else howdah_private.retry_delay(d.attempts) end,
    last_error = left(fail_due.error, 200)
  where d.kind = fail_due.kind and d.id = fail_due.id
$$;
