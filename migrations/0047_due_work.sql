-- Up Migration
-- One queue for what workers do later besides jobs. erasures_due, encryptions_due and file_deletions
-- had the same columns, and took, ended and repeated their work in three ways.

create type howdah_private.due_kind as enum ('erase_run', 'encrypt_run', 'delete_file');
comment on type howdah_private.due_kind is
  'What a worker does: erase the contents of a tree of runs, encrypt or decrypt them, or delete '
  'the file of a resource.';

create table howdah_private.due_work (
  id uuid not null default howdah.uuid_v7(),
  tenant_id uuid references howdah.tenants (id) on delete cascade,
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  kind howdah_private.due_kind not null,
  attempts int not null default 0,
  priority smallint not null default 1,
  payload jsonb not null default '{}',
  last_error text,
  primary key (kind, id),
  constraint payload_is_an_object check (jsonb_typeof(payload) = 'object')
);
create index due_work_kind_priority_due_at_idx on howdah_private.due_work (kind, priority, due_at);
create index due_work_tenant_id_idx on howdah_private.due_work (tenant_id);
alter table howdah_private.due_work enable row level security, force row level security;
comment on table howdah_private.due_work is
  'Work that is due at a time, for whichever worker takes it first. A worker deletes the row when '
  'the work is done. A queue beside the jobs of Graphile Worker, because a thousand delayed jobs '
  'take 13 s to take and complete, and a thousand rows in batches 0.2 s.';
comment on column howdah_private.due_work.id is
  'Root run of the tree, or for files an id of its own.';
comment on column howdah_private.due_work.tenant_id is
  'Tenant of the run. Null for a file, which may outlive its tenant.';
comment on column howdah_private.due_work.due_at is
  'Time of the next attempt. An attempt at a file sets it later, so that no two workers make the '
  'same one.';
comment on column howdah_private.due_work.priority is
  'Lower comes first. Of encryptions 0 is a live run that waits for its decryption, 1 a run that '
  'has just ended, and 2 what a changed policy or a new data key made due.';
comment on column howdah_private.due_work.payload is
  'Of a file: storage_path, relative to HOWDAH_HOME/resources of the workers. Of an encryption: '
  'sources, the runs whose encrypted contents a new run has copied, which a worker may decrypt for '
  'it, and changed_at, when contents were added to an encrypted tree.';
comment on column howdah_private.due_work.last_error is
  'Reason why the last attempt failed.';

-- Row-level security applies to the owner as well, and its policies are applied after migrations.
alter table howdah_private.due_work no force row level security;
alter table howdah_private.erasures_due no force row level security;
alter table howdah_private.encryptions_due no force row level security;
alter table howdah_private.file_deletions no force row level security;
insert into howdah_private.due_work (kind, id, tenant_id, due_at)
select 'erase_run', d.execution_id, d.tenant_id, d.due_at from howdah_private.erasures_due as d;
insert into howdah_private.due_work (kind, id, tenant_id, due_at, priority, payload)
select 'encrypt_run', d.execution_id, d.tenant_id, d.due_at, d.priority,
  jsonb_strip_nulls(jsonb_build_object('changed_at', d.changed_at, 'sources', d.sources))
from howdah_private.encryptions_due as d;
insert into howdah_private.due_work (kind, id, created_at, due_at, attempts, payload, last_error)
select 'delete_file', d.id, d.created_at, d.due_at, d.attempts,
  jsonb_build_object('storage_path', d.storage_path), d.last_error
from howdah_private.file_deletions as d;
alter table howdah_private.due_work force row level security;
drop table howdah_private.erasures_due, howdah_private.encryptions_due,
  howdah_private.file_deletions;

-- Down Migration
create table howdah_private.erasures_due (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  due_at timestamptz not null default now()
);
create index erasures_due_tenant_id_idx on howdah_private.erasures_due (tenant_id);
create index erasures_due_due_at_idx on howdah_private.erasures_due (due_at);
comment on table howdah_private.erasures_due is
  'Ended root runs whose contents must be erased. A worker deletes the row when it has erased '
  'them.';
create table howdah_private.encryptions_due (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  due_at timestamptz not null default now(),
  priority smallint not null default 1,
  changed_at timestamptz,
  sources uuid[]
);
create index encryptions_due_tenant_id_idx on howdah_private.encryptions_due (tenant_id);
create index encryptions_due_priority_due_at_idx
  on howdah_private.encryptions_due (priority, due_at);
comment on table howdah_private.encryptions_due is
  'Root runs whose trees a worker must encrypt, decrypt or encrypt with another key. A worker '
  'deletes the row when it has done so.';
comment on column howdah_private.encryptions_due.priority is
  '0 for a live run that waits for its decryption, 1 for a run that has just ended, 2 for what a '
  'changed policy or a new data key made due. Lower comes first.';
comment on column howdah_private.encryptions_due.changed_at is
  'Time at which contents were added to an encrypted tree. Its runs are encrypted again.';
comment on column howdah_private.encryptions_due.sources is
  'Runs whose encrypted contents a new run has copied. A worker may decrypt them for this run.';
create table howdah_private.file_deletions (
  id uuid primary key default howdah.uuid_v7(),
  created_at timestamptz not null default now(),
  due_at timestamptz not null default now(),
  attempts int not null default 0,
  storage_path text not null,
  last_error text
);
create index file_deletions_due_at_idx on howdah_private.file_deletions (due_at);
comment on table howdah_private.file_deletions is
  'Files in the resource folder of the workers that retention or erasure has deleted from '
  'howdah.resources. A worker deletes the row when it has deleted the file.';
comment on column howdah_private.file_deletions.due_at is
  'Time of the next attempt. An attempt sets it later, so that no two workers make the same one.';
comment on column howdah_private.file_deletions.storage_path is
  'Path of the file, relative to HOWDAH_HOME/resources of the workers.';
comment on column howdah_private.file_deletions.last_error is
  'Reason why the last attempt failed.';
alter table howdah_private.due_work no force row level security;
insert into howdah_private.erasures_due (execution_id, tenant_id, due_at)
select d.id, d.tenant_id, d.due_at from howdah_private.due_work as d where d.kind = 'erase_run';
insert into howdah_private.encryptions_due (
  execution_id, tenant_id, due_at, priority, changed_at, sources)
select d.id, d.tenant_id, d.due_at, d.priority, (d.payload ->> 'changed_at')::timestamptz,
  case when d.payload ? 'sources' then array(
    select s.id::uuid from jsonb_array_elements_text(d.payload -> 'sources') as s (id)) end
from howdah_private.due_work as d where d.kind = 'encrypt_run';
insert into howdah_private.file_deletions (
  id, created_at, due_at, attempts, storage_path, last_error)
select d.id, d.created_at, d.due_at, d.attempts, d.payload ->> 'storage_path', d.last_error
from howdah_private.due_work as d where d.kind = 'delete_file';
alter table howdah_private.erasures_due enable row level security, force row level security;
alter table howdah_private.encryptions_due enable row level security, force row level security;
alter table howdah_private.file_deletions enable row level security, force row level security;
drop table howdah_private.due_work;
drop type howdah_private.due_kind;
