-- Up Migration
-- Lets a tenant encrypt the contents of ended runs. A worker encrypts them in place with the data
-- key of the tenant; the database never has the key. Runs at work stay as they are.

alter table howdah.retention_policies
  add column encrypt_contents boolean not null default false;
comment on column howdah.retention_policies.encrypt_contents is
  'True encrypts the contents of runs with the data key of the tenant, a few seconds after the '
  'whole tree of a run has ended. Interfaces that have the master key decrypt them for readers.';

alter table howdah.executions
  add column contents_encrypted_at timestamptz,
  add column contents_key_id uuid;
comment on column howdah.executions.contents_encrypted_at is
  'Time at which the contents of the run were encrypted. Null if they are in plain text.';
comment on column howdah.executions.contents_key_id is
  'Data key of the encrypted contents. Null if they are in plain text.';
-- An encrypted text is longer. The runs that exist fulfil the earlier check, so none is read.
alter table howdah.executions
  drop constraint input_is_at_most_1_mb,
  add constraint input_is_at_most_1_mb
    check (octet_length(input) <= 1048576 or contents_encrypted_at is not null) not valid;

-- Says which keys runs may need. An index of executions by their key would say it exactly, but
-- creating it reads all runs, while nobody can insert one.
alter table howdah_private.data_keys add column has_contents boolean not null default false;
comment on column howdah_private.data_keys.has_contents is
  'True if contents of runs were ever encrypted with the key.';

-- Root runs to encrypt, forks and retried runs to decrypt. A queue for the same reason as
-- erasures_due: it avoids a search of executions every second.
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
alter table howdah_private.encryptions_due enable row level security, force row level security;
comment on table howdah_private.encryptions_due is
  'Root runs whose trees a worker must encrypt, decrypt or encrypt with another key. A worker '
  'deletes the row when it has done so.';

alter table howdah_private.background_tasks no force row level security;
insert into howdah_private.background_tasks (name, reached_at) values ('encryptions', now());
alter table howdah_private.background_tasks force row level security;

comment on column howdah_private.encryptions_due.priority is
  '0 for a live run that waits for its decryption, 1 for a run that has just ended, 2 for what a '
  'changed policy or a new data key made due. Lower comes first.';
comment on column howdah_private.encryptions_due.changed_at is
  'Time at which contents were added to an encrypted tree. Its runs are encrypted again.';
comment on column howdah_private.encryptions_due.sources is
  'Runs whose encrypted contents a new run has copied. A worker may decrypt them for this run.';

-- Down Migration
alter table howdah.executions no force row level security;
do $$
begin
  if exists (select from howdah.executions as e where e.contents_encrypted_at is not null) then
    raise exception 'runs have encrypted contents, which earlier releases cannot read'
      using hint = 'Decrypt them first: set encrypt_contents to false, and wait until '
        'contents_encrypted_at is null everywhere.';
  end if;
end $$;
alter table howdah.executions force row level security;
alter table howdah_private.background_tasks no force row level security;
delete from howdah_private.background_tasks where name = 'encryptions';
alter table howdah_private.background_tasks force row level security;
drop table howdah_private.encryptions_due;
alter table howdah_private.data_keys drop column has_contents;
alter table howdah.executions
  drop constraint input_is_at_most_1_mb,
  add constraint input_is_at_most_1_mb check (octet_length(input) <= 1048576) not valid;
alter table howdah.executions drop column contents_key_id, drop column contents_encrypted_at;
alter table howdah.retention_policies drop column encrypt_contents;
