-- Up Migration
-- Keys for programs: a tenant's, or one of its users'. The key itself stands nowhere, only the hash of its secret.
create table howdah.api_keys (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
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
  constraint scopes_are_actions check (
    cardinality(scopes) > 0 and scopes <@ array['read', 'run', 'edit', 'manage']
  )
);
create index api_keys_user_id_idx on howdah.api_keys (tenant_id, user_id);
alter table howdah.api_keys enable row level security, force row level security;
comment on table howdah.api_keys is
  'Keys that programs log in with. Made by create_api_key, which shows the key once; taken back by revoke_api_key.';
comment on constraint one_key_has_the_prefix on howdah.api_keys is
  E'@behavior -*\nHow a key is found; a row is named by its id.';
comment on column howdah.api_keys.user_id is 'As whom the key acts; null: for its tenant as a whole.';
comment on column howdah.api_keys.prefix is 'The part of the key that may be shown: hwd_ and an id.';
comment on column howdah.api_keys.hash is 'SHA-256 of its secret, which is random and so needs no slow hash.';
comment on column howdah.api_keys.role is 'What it may do at most; the row of its user may say less.';
comment on column howdah.api_keys.scopes is 'The actions it may take, out of read, run, edit and manage; null: all that its role may.';
comment on column howdah.api_keys.last_used_at is 'To the minute.';

create type howdah.new_api_key as (
  id uuid,
  key text,
  name text,
  prefix text,
  user_id uuid,
  role howdah.user_role,
  scopes text[],
  expires_at timestamptz
);
comment on type howdah.new_api_key is 'A key that was just made: the only time that all of it is shown.';

-- Down Migration
drop function if exists howdah.create_api_key(text, howdah.user_role, text[], timestamptz, uuid);
drop type howdah.new_api_key;
drop table howdah.api_keys cascade;
