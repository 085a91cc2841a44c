-- Up Migration
create table howdah.tenants (
  id uuid primary key default howdah.uuid_v7(),
  slug text not null unique,
  name text not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint slug_is_short_and_lower_case check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$')
);
alter table howdah.tenants enable row level security, force row level security;
comment on table howdah.tenants is 'Who the rows belong to. Every other table carries tenant_id; a reference across tenants cannot exist.';

-- A database login is bound to a tenant here, where no set_config can change it.
create table howdah_private.login_tenants (
  login name primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade
);
create index login_tenants_tenant_id_idx on howdah_private.login_tenants (tenant_id);
alter table howdah_private.login_tenants enable row level security, force row level security;
comment on table howdah_private.login_tenants is 'The tenant a direct database login acts for.';

-- The default of every tenant_id: replaced by its full form in sql/, where its rules are told.
create function howdah.current_tenant() returns uuid
  language sql stable parallel safe
  set search_path = ''
  as 'select null::uuid';

create table howdah.users (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  username text not null,
  email text,
  role howdah.user_role not null default 'member',
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, username)
);
alter table howdah.users enable row level security, force row level security;
comment on table howdah.users is 'People of a tenant.';

-- Down Migration
drop table howdah.users;
drop function if exists howdah.current_tenant() cascade;
drop table howdah_private.login_tenants;
drop table howdah.tenants;
