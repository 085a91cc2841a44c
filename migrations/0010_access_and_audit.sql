-- Up Migration
-- Creates API keys, grants, secrets and the audit log.

create table howdah.api_keys (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  user_id uuid,
  name text not null,
  prefix text not null,
  hash bytea not null,
  role howdah.user_role not null default 'member',
  scopes text[],
  expires_at timestamptz,
  last_used_at timestamptz,
  revoked_at timestamptz,
  created_by text not null,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint one_key_has_the_prefix unique (prefix),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  constraint name_is_not_blank_and_at_most_100_long check (name ~ '\S' and length(name) <= 100),
  constraint prefix_is_hwd_and_an_id check (prefix ~ '^hwd_[0-9A-Za-z]{12}$'),
  constraint hash_is_a_sha_256 check (octet_length(hash) = 32),
  constraint scopes_are_actions
    check (cardinality(scopes) > 0 and scopes <@ array['read', 'run', 'edit', 'manage'])
);
create index api_keys_user_id_idx on howdah.api_keys (tenant_id, user_id);
alter table howdah.api_keys enable row level security, force row level security;
comment on table howdah.api_keys is
  'API keys of programs. create_api_key makes a key and returns it once; revoke_api_key revokes '
  'it.';
comment on column howdah.api_keys.user_id is
  'User as whom the key acts. Null means the tenant as a whole.';
comment on column howdah.api_keys.prefix is 'Public part of the key: hwd_ and an id.';
comment on column howdah.api_keys.hash is
  'SHA-256 of the secret part. The secret is random, so a slow hash is not needed.';
comment on column howdah.api_keys.role is
  'Highest role of the key. The role of its user applies if it is lower.';
comment on column howdah.api_keys.scopes is
  'Allowed actions out of read, run, edit and manage. Null allows all actions of the role.';
comment on column howdah.api_keys.last_used_at is 'Time of the last use, accurate to the minute.';
comment on constraint one_key_has_the_prefix on howdah.api_keys is
  E'@behavior -*\nKey that authenticates a request; the API addresses a row by its id.';

create table howdah.grants (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  workflow_id uuid,
  user_id uuid,
  role howdah.user_role,
  permission howdah.grant_permission not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint grants_tenant_id_agent_id_workflow_id_user_id_role_key
    unique nulls not distinct (tenant_id, agent_id, workflow_id, user_id, role),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  constraint a_grant_is_to_a_user_or_to_a_role check (num_nonnulls(user_id, role) = 1),
  constraint a_grant_is_of_an_agent_or_of_a_workflow
    check (num_nonnulls(agent_id, workflow_id) = 1)
);
create index grants_user_id_idx on howdah.grants (tenant_id, user_id);
create index grants_workflow_id_idx
  on howdah.grants (tenant_id, workflow_id) where workflow_id is not null;
alter table howdah.grants enable row level security, force row level security;
comment on table howdah.grants is
  'Permissions of users and roles to read, run or edit an agent or workflow, given by admins. An '
  'agent or workflow without grants is open to its tenant, as far as roles allow.';
comment on column howdah.grants.user_id is
  'User that receives the permission. Null for a grant to a role.';
comment on column howdah.grants.role is
  'Role that receives the permission, with all higher roles. Null for a grant to a user.';
comment on constraint grants_tenant_id_agent_id_workflow_id_user_id_role_key on howdah.grants is
  E'@behavior -*\nOne grant per combination; the API addresses a grant by its id.';

-- Envelope encryption. The process that receives a secret encrypts it with a data key of the
-- tenant. The data key is encrypted with the master key, which no row holds. Public columns and
-- encrypted values are in two tables, so that no select *, copied row or grant can expose a value.
create table howdah.secrets (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  fingerprint text not null,
  last_four text,
  version int not null default 1,
  created_by uuid,
  rotated_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, created_by)
    references howdah.users (tenant_id, id) on delete set null (created_by),
  constraint name_is_a_word check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'),
  constraint version_is_positive check (version > 0)
);
create index secrets_created_by_idx on howdah.secrets (tenant_id, created_by);
alter table howdah.secrets enable row level security, force row level security;
comment on table howdah.secrets is
  'API keys of model providers and other secrets, by name. Values are written by setSecret or '
  'howdah secret set, and are never returned.';
comment on column howdah.secrets.name is
  'Name by which other rows refer to the secret (secret_name).';
comment on column howdah.secrets.fingerprint is
  'Equal for equal values of a tenant. A guessed value cannot be checked against it without the '
  'key of the tenant.';
comment on column howdah.secrets.last_four is
  'Last characters of the value. Null if the value is too short to show any.';
comment on column howdah.secrets.version is 'Number of values so far. Each new value raises it.';
comment on column howdah.secrets.rotated_at is
  'Time at which the last new value was set. Null for the first value.';

create table howdah_private.master_keys (
  fingerprint text primary key,
  retired_at timestamptz,
  created_at timestamptz not null default now()
);
create unique index only_one_master_key_is_in_use
  on howdah_private.master_keys ((true)) where retired_at is null;
alter table howdah_private.master_keys enable row level security, force row level security;
comment on table howdah_private.master_keys is
  'Fingerprints of master keys, at most one of them in use. The key in use encrypts new data '
  'keys. A process with another key refuses to start.';

create table howdah_private.data_keys (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  wrapped_by text not null references howdah_private.master_keys (fingerprint) on delete restrict,
  is_current boolean not null default true,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint nonce_has_96_bits check (octet_length(nonce) = 12)
);
create unique index only_one_data_key_is_current
  on howdah_private.data_keys (tenant_id) where is_current;
create index data_keys_wrapped_by_idx on howdah_private.data_keys (wrapped_by);
alter table howdah_private.data_keys enable row level security, force row level security;
comment on table howdah_private.data_keys is
  'Keys that encrypt secrets, encrypted with a master key. Each tenant has one current key; older '
  'keys stay until a rotation has re-encrypted their secrets.';

create table howdah_private.sealed_secrets (
  secret_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  data_key_id uuid not null,
  version int not null,
  nonce bytea not null,
  ciphertext bytea not null,
  unique (tenant_id, secret_id),
  unique (data_key_id, nonce),
  foreign key (tenant_id, secret_id) references howdah.secrets (tenant_id, id) on delete cascade,
  foreign key (tenant_id, data_key_id)
    references howdah_private.data_keys (tenant_id, id) on delete restrict,
  constraint nonce_has_96_bits check (octet_length(nonce) = 12)
);
create index sealed_secrets_data_key_id_idx
  on howdah_private.sealed_secrets (tenant_id, data_key_id);
alter table howdah_private.sealed_secrets enable row level security, force row level security;
comment on table howdah_private.sealed_secrets is
  'Encrypted values of secrets (AES-256-GCM). Tenant, id, name and version are authenticated '
  'data, so that a value cannot be decrypted in the row of another secret.';

-- A hash chain per tenant: each row holds the hash of the previous row, which reveals rows that
-- were changed, removed, inserted or moved. The log has no foreign keys to tenants and users,
-- because it outlives them. The order of the columns is their order in the hash.
create table howdah.audit_log (
  tenant_id uuid not null,
  seq bigint not null,
  id uuid not null default howdah.uuid_v7(),
  created_at timestamptz not null,
  actor text not null,
  user_id uuid,
  login text not null,
  api_key_id uuid,
  client text not null,
  action text not null,
  object text not null,
  object_id text not null,
  before_digest bytea,
  after_digest bytea,
  changed text[],
  detail jsonb,
  prev_hash bytea not null,
  hash bytea not null,
  primary key (tenant_id, seq),
  constraint seq_counts_from_one check (seq >= 1),
  constraint action_is_one_word check (action ~ '^[a-z_]{1,40}$'),
  constraint detail_is_an_object check (jsonb_typeof(detail) = 'object'),
  constraint hashes_have_32_bytes check (octet_length(prev_hash) = 32 and octet_length(hash) = 32)
);
create index audit_log_object_id_idx on howdah.audit_log (tenant_id, object_id, seq);
-- The erasure of a user reads these to find the runs that the user continued (erase_user.sql).
create index audit_log_continued_runs_idx
  on howdah.audit_log (tenant_id) where object = 'executions' and action in ('retry', 'fork');
alter table howdah.audit_log enable row level security, force row level security;
comment on table howdah.audit_log is
  'Changes of definitions and controls of runs, in order and without gaps. Triggers write the '
  'rows at commit. Each row holds the hash of the previous row. Contents are stored only as '
  'digests.';
comment on column howdah.audit_log.seq is 'Position in the log of the tenant, counted from 1.';
comment on column howdah.audit_log.created_at is 'Time of the commit.';
comment on column howdah.audit_log.actor is 'User, else database login, that acted.';
comment on column howdah.audit_log.login is 'Database login of the session.';
comment on column howdah.audit_log.client is
  'Origin of the request as reported by the API, else program and address of the connection.';
comment on column howdah.audit_log.action is
  'insert, update or delete of a row; cancel, pause, resume, retry, fork or add_input of a run; '
  'answer, approve or reject of a question; begin of the log; erase of its first rows.';
comment on column howdah.audit_log.object is 'Table of the changed row.';
comment on column howdah.audit_log.object_id is
  'Key of the changed row: its id, or the parts of the key joined by /.';
comment on column howdah.audit_log.before_digest is
  'SHA-256 of the old row, as JSON without columns that the engine maintains (updated_at, '
  'next_at, …).';
comment on column howdah.audit_log.after_digest is
  'SHA-256 of the new row. For add_input and answers: SHA-256 of the text.';
comment on column howdah.audit_log.changed is 'Names of the columns that an update changed.';
comment on column howdah.audit_log.prev_hash is
  'Hash of the previous row. In the first row, a value derived from the tenant.';
comment on column howdah.audit_log.hash is 'SHA-256 of prev_hash and all other columns.';

-- Locked from the deferred trigger to the end of each commit that appends to the chain.
create table howdah_private.audit_heads (
  tenant_id uuid primary key,
  seq bigint not null,
  hash bytea not null
) with (fillfactor = 50);
alter table howdah_private.audit_heads enable row level security, force row level security;
comment on table howdah_private.audit_heads is
  'Position and hash of the last row of the audit log of each tenant.';

-- Rows of this table and the next exist only within their transaction, so both are unlogged.
create unlogged table howdah_private.audit_inbox (
  xid xid8 not null default pg_current_xact_id(),
  position bigint generated always as identity,
  tenant_id uuid not null,
  actor text not null,
  user_id uuid,
  login text not null,
  api_key_id uuid,
  client text not null,
  action text not null,
  object text not null,
  object_id text not null,
  before_digest bytea,
  after_digest bytea,
  changed text[],
  detail jsonb,
  primary key (xid, position),
  constraint detail_is_an_object check (jsonb_typeof(detail) = 'object')
);
alter table howdah_private.audit_inbox enable row level security, force row level security;
comment on table howdah_private.audit_inbox is
  'Actions of a transaction so far. Its commit moves them to audit_log.';

create unlogged table howdah_private.audit_pending (
  xid xid8 primary key default pg_current_xact_id(),
  settled_at timestamptz
);
alter table howdah_private.audit_pending enable row level security, force row level security;
comment on table howdah_private.audit_pending is
  'Transactions with rows in audit_inbox. The deferred trigger of each row runs at commit.';

create table howdah_private.audit_checkpoints (
  tenant_id uuid not null,
  seq bigint not null,
  hash bytea not null,
  hmac bytea,
  signed_by text,
  created_at timestamptz not null default now(),
  primary key (tenant_id, seq),
  constraint signatures_have_a_key check ((hmac is null) = (signed_by is null))
);
alter table howdah_private.audit_checkpoints enable row level security, force row level security;
comment on table howdah_private.audit_checkpoints is
  'Positions of each audit log over time, signed if a key exists. Workers also write them to a '
  'file, which a database superuser cannot change.';

-- Down Migration
drop table howdah_private.audit_checkpoints;
drop table howdah_private.audit_pending;
drop table howdah_private.audit_inbox;
drop table howdah_private.audit_heads;
drop table howdah.audit_log;
drop table howdah_private.sealed_secrets;
drop table howdah_private.data_keys;
drop table howdah_private.master_keys;
drop table howdah.secrets;
drop table howdah.grants;
drop table howdah.api_keys;
