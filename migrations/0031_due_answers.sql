-- Up Migration
-- Answers of watched tables that are due, in place of a job for each. Workers take many answers of
-- a table at once. A job `write_back` of an earlier release moves its answer here.

create table howdah_private.due_answers (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  table_trigger_id uuid not null,
  due_at timestamptz not null default clock_timestamp(),
  attempts smallint not null default 0
);
create index due_answers_tenant_id_table_trigger_id_due_at_idx
  on howdah_private.due_answers (tenant_id, table_trigger_id, due_at);
alter table howdah_private.due_answers enable row level security, force row level security;
comment on table howdah_private.due_answers is
  'Runs of watched tables whose answers a worker must write into their rows. A worker deletes the '
  'row when it has done so. No foreign key to the run: an answer whose run is gone is dropped when '
  'its turn comes.';
comment on column howdah_private.due_answers.due_at is
  'Time of the next attempt. A worker that begins an attempt moves it to that of the one after, so '
  'the answer is due again if the worker dies.';

-- Functions of an answer's job. begin_write_back stays, which workers of earlier releases call.
drop function if exists howdah_private.prepare_write_back(uuid),
  howdah_private.end_write_back(uuid, howdah.write_back_status, jsonb),
  howdah_private.check_answer_is_newest(uuid), howdah_private.has_later_run(howdah.watched_rows);

-- Down Migration
-- Earlier releases write each answer in a job.
alter table howdah_private.due_answers no force row level security;
select graphile_worker.add_job('write_back',
  json_build_object('id', d.execution_id, 'tenant_id', d.tenant_id),
  run_at => d.due_at, job_key => 'write_back ' || d.execution_id)
from howdah_private.due_answers as d;
drop table howdah_private.due_answers;
