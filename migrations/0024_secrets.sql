-- Up Migration
-- Values are encrypted by the process that is handed them, with a key of their tenant; that key is encrypted with the
-- master key, which no row holds. What anybody may see and what only the engine reads are two tables, so that no
-- `select *`, no copy of a row and no grant can mix them up.
create table howdah.secrets (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
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
  foreign key (tenant_id, created_by) references howdah.users (tenant_id, id) on delete set null (created_by),
  constraint name_is_a_word check (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$'),
  constraint version_is_positive check (version > 0)
);
create index secrets_created_by_idx on howdah.secrets (tenant_id, created_by);
alter table howdah.secrets enable row level security, force row level security;
comment on table howdah.secrets is
  'Keys of model servers and other secrets, by name. Their values are written (setSecret, howdah secret set) and never shown.';
comment on column howdah.secrets.name is 'What rows such as models call it by (secret_name).';
comment on column howdah.secrets.fingerprint is
  'Equal for equal values of a tenant; without its key nobody can check a guess against it.';
comment on column howdah.secrets.last_four is 'The last characters of the value; null when it is too short to show any.';
comment on column howdah.secrets.version is 'Rises with each new value.';
comment on column howdah.secrets.rotated_at is 'When the value was last replaced; null while it is the first.';

create table howdah_private.master_keys (
  fingerprint text primary key,
  retired_at timestamptz,
  created_at timestamptz not null default now()
);
create unique index only_one_master_key_is_in_use on howdah_private.master_keys ((true)) where retired_at is null;
alter table howdah_private.master_keys enable row level security, force row level security;
comment on table howdah_private.master_keys is
  'Which master key new data keys are wrapped with, by its fingerprint: a process with another key is told so when it starts.';

create table howdah_private.data_keys (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  is_current boolean not null default true,
  wrapped_by text not null references howdah_private.master_keys (fingerprint) on delete restrict,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint nonce_has_96_bits check (octet_length(nonce) = 12)
);
create unique index only_one_data_key_is_current on howdah_private.data_keys (tenant_id) where is_current;
create index data_keys_wrapped_by_idx on howdah_private.data_keys (wrapped_by);
alter table howdah_private.data_keys enable row level security, force row level security;
comment on table howdah_private.data_keys is
  'The keys that secrets are encrypted with, one of each tenant in use, each encrypted with the master key.';

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
  foreign key (tenant_id, data_key_id) references howdah_private.data_keys (tenant_id, id) on delete restrict,
  constraint nonce_has_96_bits check (octet_length(nonce) = 12)
);
create index sealed_secrets_data_key_id_idx on howdah_private.sealed_secrets (tenant_id, data_key_id);
alter table howdah_private.sealed_secrets enable row level security, force row level security;
comment on table howdah_private.sealed_secrets is
  'The values of secrets, encrypted (AES-256-GCM) under their tenant, id, name and version: none opens in the place of another.';

alter table howdah.models add column secret_name text;
comment on column howdah.models.secret_name is
  'The secret whose value is sent as the key. Without one the environment''s key goes to the environment''s URL, and none to a base_url.';

-- Down Migration
alter table howdah.models drop column secret_name;
drop table howdah_private.sealed_secrets;
drop table howdah_private.data_keys;
drop table howdah_private.master_keys;
drop table howdah.secrets;
