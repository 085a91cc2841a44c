-- Up Migration
-- What workers do in batches has one record of progress and pauses, which howdah.batch_jobs shows.
create table howdah_private.batch_progress (
  name text primary key,
  done bigint not null default 0,
  done_at timestamptz,
  failed_at timestamptz,
  paused_at timestamptz,
  last_error text
);
alter table howdah_private.batch_progress enable row level security, force row level security;
comment on table howdah_private.batch_progress is
  'Progress of batch jobs, a row for each job that has done something or was paused. '
  'howdah.batch_jobs reads it.';
comment on column howdah_private.batch_progress.name is
  'The job, as in howdah_private.batch_job_list().';
comment on column howdah_private.batch_progress.done is
  'Number of rows that workers have done. A worker records it after the transaction of a batch, so '
  'it lacks the last batch of a worker that died.';
comment on column howdah_private.batch_progress.done_at is 'End of the last batch.';
comment on column howdah_private.batch_progress.failed_at is 'Time of last_error.';
comment on column howdah_private.batch_progress.paused_at is
  'Start of the pause. While it is set, workers take no batch. Null if the job is not paused.';
comment on column howdah_private.batch_progress.last_error is
  'Reason why a row or a batch last failed.';

-- Down Migration
drop table howdah_private.batch_progress;
