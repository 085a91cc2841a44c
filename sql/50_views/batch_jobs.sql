create or replace view howdah.batch_jobs with (security_invoker = true) as
  select j.name, j.description, b.paused_at is not null as is_paused,
    coalesce(r.waiting, 0) as waiting, coalesce(r.later, 0) as later,
    coalesce(r.failing, 0) as failing, r.oldest_due_at, coalesce(b.done, 0) as done, b.done_at,
    b.failed_at, b.last_error, b.paused_at
  from howdah_private.batch_job_list() as j
  left join howdah_private.batch_job_rows() as r on r.name = j.name
  left join howdah_private.batch_progress as b on b.name = j.name
  order by j.name;
comment on view howdah.batch_jobs is
  'What workers do in batches, besides runs: what is left, what is done, and what fails. '
  'howdah.pause_batch_job pauses a job. For operators.';
comment on column howdah.batch_jobs.name is 'The job.';
comment on column howdah.batch_jobs.description is 'What the job does.';
comment on column howdah.batch_jobs.is_paused is 'Whether workers take no batch of it.';
comment on column howdah.batch_jobs.waiting is
  'Rows that are due. 0 for merge_usage, apply_retention and index_vectors, which find their work '
  'themselves.';
comment on column howdah.batch_jobs.later is
  'Rows that are due later, such as those that are tried again.';
comment on column howdah.batch_jobs.failing is
  'Rows whose last attempt failed, among waiting and later.';
comment on column howdah.batch_jobs.oldest_due_at is
  'Time since which the oldest waiting row is due.';
comment on column howdah.batch_jobs.done is 'Rows that workers have done.';
comment on column howdah.batch_jobs.done_at is 'End of the last batch.';
comment on column howdah.batch_jobs.failed_at is 'Time of last_error.';
comment on column howdah.batch_jobs.last_error is 'Reason why a row or a batch last failed.';
comment on column howdah.batch_jobs.paused_at is 'Start of the pause.';
