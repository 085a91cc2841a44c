-- Pause and resumption of what workers do in batches (batch_jobs.sql): `select
-- howdah.pause_batch_job('encrypt_run')`. Batches under way end first. Only owners of the
-- database may pause, since a job works for all tenants, and requests without login to an API that
-- only this machine can reach.
create or replace function howdah.pause_batch_job(name text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.set_batch_job_pause(pause_batch_job.name, now())
$$;
comment on function howdah.pause_batch_job(text) is
  'Pauses a job of howdah.batch_jobs: workers take no more batches of it, except contents that a '
  'live run waits for. For owners of the database, and on a '
  'machine that serves without login.';

create or replace function howdah.resume_batch_job(name text) returns void
  language sql volatile
  set search_path = pg_catalog, pg_temp
as $$
  select howdah_private.set_batch_job_pause(resume_batch_job.name, null)
$$;
comment on function howdah.resume_batch_job(text) is
  'Resumes a job of howdah.batch_jobs that was paused. For owners of the database, and on a '
  'machine that serves without login.';
