-- Up Migration
-- Who changed and controlled what. A chain for each tenant: every row holds the hash of the one before, so that a row
-- which is changed, taken out, put in or moved shows. Neither tenants nor users are referred to: what happened outlives them.
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
  'Who changed definitions and controlled runs, in order and without a gap; each row holds the hash of the one before. Contents are not kept, only their digests.';
comment on column howdah.audit_log.seq is '1, 2, 3, … within the tenant.';
comment on column howdah.audit_log.created_at is 'When it was committed.';
comment on column howdah.audit_log.actor is 'The user, else the database login.';
comment on column howdah.audit_log.login is 'The database login of the session.';
comment on column howdah.audit_log.client is 'Where it came from: what the API says of the request, else program and address of the connection.';
comment on column howdah.audit_log.action is
  'insert, update or delete of a row; cancel, pause, resume, retry, fork or add_input of a run; answer, approve or reject of a question; begin of the log itself, erase of its first rows.';
comment on column howdah.audit_log.object is 'The table the object is a row of.';
comment on column howdah.audit_log.object_id is 'Its key: the id, or the parts of the key joined by /.';
comment on column howdah.audit_log.before_digest is 'SHA-256 of the row as it was, as JSON without what is kept about it by itself (updated_at, next_at, …).';
comment on column howdah.audit_log.after_digest is 'SHA-256 of the row as it is now; of add_input and answers: of what was said.';
comment on column howdah.audit_log.changed is 'Of an update: the columns that changed.';
comment on column howdah.audit_log.prev_hash is 'The hash of the row before; of the first row a value made from the tenant.';
comment on column howdah.audit_log.hash is 'SHA-256 of prev_hash and all other columns.';

-- The end of each chain: a row that is locked while a transaction that changed something commits.
create table howdah_private.audit_heads (
  tenant_id uuid primary key,
  seq bigint not null,
  hash bytea not null
) with (fillfactor = 50);
alter table howdah_private.audit_heads enable row level security, force row level security;
comment on table howdah_private.audit_heads is 'The last row of each tenant''s audit log.';

-- What a transaction did, until it commits. Nobody else ever sees a row of these two, so a crash may take them.
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
  'What a transaction has done so far; it becomes rows of audit_log when the transaction commits.';

create unlogged table howdah_private.audit_pending (
  xid xid8 primary key default pg_current_xact_id(),
  settled_at timestamptz
);
alter table howdah_private.audit_pending enable row level security, force row level security;
comment on table howdah_private.audit_pending is
  'Transactions that have rows in audit_inbox: one row each, whose trigger waits for the commit.';

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
  'How far each audit log was at times, signed where there is a key. Workers write the same to a file, which a superuser of the database does not reach.';

-- Down Migration
drop table howdah_private.audit_checkpoints;
drop table howdah_private.audit_pending;
drop table howdah_private.audit_inbox;
drop table howdah_private.audit_heads;
drop table howdah.audit_log;
