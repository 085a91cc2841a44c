-- Up Migration
-- API keys, grants, secrets, and the audit log.

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
  'API keys of programs. create_api_key makes a key and shows it once; revoke_api_key revokes it.';
comment on column howdah.api_keys.user_id is
  'The user that the key acts as. Null means the tenant as a whole.';
comment on column howdah.api_keys.prefix is
  'The part of the key that may be shown: hwd_ and an id.';
comment on column howdah.api_keys.hash is
  'SHA-256 of the secret part. The secret is random, so no slow hash is needed.';
comment on column howdah.api_keys.role is
  'Highest rights of the key. The role of its user may be lower.';
comment on column howdah.api_keys.scopes is
  'Allowed actions out of read, run, edit and manage. Null allows all that the role may do.';
comment on column howdah.api_keys.last_used_at is 'Time of the last use, to the minute.';
comment on constraint one_key_has_the_prefix on howdah.api_keys is
  E'@behavior -*\nThe key by which a request is authenticated; a row is named by its id.';

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
  'Who besides admins and owners may read, run or edit an agent or workflow. An agent or workflow '
  'without grants is open to its tenant, as roles allow.';
comment on column howdah.grants.user_id is 'The grantee, if it is a user.';
comment on column howdah.grants.role is
  'The grantee, if it is everybody of this role or a higher one.';
comment on constraint grants_tenant_id_agent_id_workflow_id_user_id_role_key on howdah.grants is
  E'@behavior -*\nOne grant for each; a grant is named by its id.';

-- The process that is given a value encrypts it with a key of the tenant. That key is encrypted
-- with the master key, which is in no row. What users may see and what only the engine reads are
-- two tables, so that no select *, copy of a row or grant can mix them up.
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
  'Keys of model servers and other secrets, by name. Values are written (setSecret, howdah secret '
  'set) and never shown.';
comment on column howdah.secrets.name is
  'Name by which other rows refer to the secret (secret_name).';
comment on column howdah.secrets.fingerprint is
  'Equal for equal values of a tenant. A guess cannot be checked against it without the key of '
  'the tenant.';
comment on column howdah.secrets.last_four is
  'The last characters of the value. Null when the value is too short to show any.';
comment on column howdah.secrets.version is 'Raised with each new value.';
comment on column howdah.secrets.rotated_at is
  'Time of the last new value. Null for the first value.';

create table howdah_private.master_keys (
  fingerprint text primary key,
  retired_at timestamptz,
  created_at timestamptz not null default now()
);
create unique index only_one_master_key_is_in_use
  on howdah_private.master_keys ((true)) where retired_at is null;
alter table howdah_private.master_keys enable row level security, force row level security;
comment on table howdah_private.master_keys is
  'Fingerprints of master keys. New data keys are wrapped with the one in use; a process with '
  'another key is refused at its start.';

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
  'The keys that encrypt secrets, one in use per tenant, each encrypted with the master key.';

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
  'The encrypted values of secrets (AES-256-GCM). Tenant, id, name and version are authenticated, '
  'so that no value opens in place of another.';

create table howdah_private.binding_keys (
  is_current boolean primary key default true,
  key bytea not null
    default sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8')),
  constraint there_is_one check (is_current)
);
alter table howdah_private.binding_keys enable row level security, force row level security;
comment on table howdah_private.binding_keys is
  'Per-database key with which workers sign the tenant and user on whose behalf user SQL runs.';

-- One chain per tenant: each row holds the hash of the row before, so that a row that is changed,
-- removed, inserted or moved is detected. The log has no foreign keys to tenants and users, since
-- it outlives them. Its columns stand in the order in which the hash takes them.
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
alter table howdah.audit_log enable row level security, force row level security;
comment on table howdah.audit_log is
  'Changes of definitions and controls of runs, in order and without a gap. Each row holds the '
  'hash of the one before. Contents are stored as digests only.';
comment on column howdah.audit_log.seq is '1, 2, 3, … within the tenant.';
comment on column howdah.audit_log.created_at is 'Time of the commit.';
comment on column howdah.audit_log.actor is 'The user, else the database login.';
comment on column howdah.audit_log.login is 'The database login of the session.';
comment on column howdah.audit_log.client is
  'Origin of the request, as the API reports it, else program and address of the connection.';
comment on column howdah.audit_log.action is
  'insert, update or delete of a row; cancel, pause, resume, retry, fork or add_input of a run; '
  'answer, approve or reject of a question; begin of the log itself; erase of its first rows.';
comment on column howdah.audit_log.object is 'The table of the changed row.';
comment on column howdah.audit_log.object_id is
  'Key of the row: the id, or the parts of the key joined by /.';
comment on column howdah.audit_log.before_digest is
  'SHA-256 of the old row, as JSON without columns that the engine maintains (updated_at, '
  'next_at, …).';
comment on column howdah.audit_log.after_digest is
  'SHA-256 of the new row. For add_input and answers: of the text.';
comment on column howdah.audit_log.changed is 'Names of the columns that an update changed.';
comment on column howdah.audit_log.prev_hash is
  'Hash of the row before. The first row has a value made from the tenant.';
comment on column howdah.audit_log.hash is 'SHA-256 of prev_hash and all other columns.';

-- The end of each chain, locked while a transaction that changed something commits.
create table howdah_private.audit_heads (
  tenant_id uuid primary key,
  seq bigint not null,
  hash bytea not null
) with (fillfactor = 50);
alter table howdah_private.audit_heads enable row level security, force row level security;
comment on table howdah_private.audit_heads is 'The last row of each tenant''s audit log.';

-- Nobody else ever sees a row of this table and the next, so both are unlogged.
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
  'Actions of a transaction so far. They become rows of audit_log when it commits.';

create unlogged table howdah_private.audit_pending (
  xid xid8 primary key default pg_current_xact_id(),
  settled_at timestamptz
);
alter table howdah_private.audit_pending enable row level security, force row level security;
comment on table howdah_private.audit_pending is
  'Transactions with rows in audit_inbox: one row each, whose deferred trigger runs at commit.';

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
  'Positions of each audit log over time, signed where a key exists. Workers write them to a file '
  'too, out of reach of a database superuser.';

-- Down Migration
drop table howdah_private.audit_checkpoints;
drop table howdah_private.audit_pending;
drop table howdah_private.audit_inbox;
drop table howdah_private.audit_heads;
drop table howdah.audit_log;
drop table howdah_private.binding_keys;
drop table howdah_private.sealed_secrets;
drop table howdah_private.data_keys;
drop table howdah_private.master_keys;
drop table howdah.secrets;
drop table howdah.grants;
drop table howdah.api_keys;
