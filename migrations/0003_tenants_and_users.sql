-- Up Migration
-- Creates tenants, their users, and the tenants of direct database logins.

create table howdah.tenants (
  id uuid primary key default howdah.uuid_v7(),
  slug text not null unique,
  name text not null,
  weight int not null default 1
    constraint weight_is_from_1_to_1000 check (weight between 1 and 1000),
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  constraint slug_is_short_and_lower_case check (slug ~ '^[a-z0-9][a-z0-9-]{0,62}$')
);
alter table howdah.tenants enable row level security, force row level security;
comment on table howdah.tenants is
  'Tenants, made by an owner of the database. Every other table has a tenant_id, and no reference '
  'crosses tenants.';
comment on column howdah.tenants.weight is
  'Share of the workers, from 1 to 1000: a tenant of weight 3 gets three runs at work for each '
  'run of a tenant of weight 1. An owner of the database sets it.';
comment on column howdah.tenants.is_active is
  'False locks out every user, token and API key of the tenant. Its rows stay and its runs go on.';

-- Default of every tenant_id. sql/05_identity replaces this stub by the real function.
create function howdah.current_tenant() returns uuid
  language sql stable parallel safe
  set search_path = pg_catalog, pg_temp
  as 'select null::uuid';

create table howdah.users (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  username text not null,
  email text,
  role howdah.user_role not null default 'member',
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, username)
);
alter table howdah.users enable row level security, force row level security;
comment on table howdah.users is 'Users of a tenant, managed by its admins and owners.';
comment on column howdah.users.is_active is
  'False locks out the user within a second, with any token or API key.';

create table howdah_private.login_tenants (
  login name primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  role howdah.user_role not null default 'admin'
);
create index login_tenants_tenant_id_idx on howdah_private.login_tenants (tenant_id);
alter table howdah_private.login_tenants enable row level security, force row level security;
comment on table howdah_private.login_tenants is
  'Tenant that each direct database login acts for. An owner of the database writes the rows.';
comment on column howdah_private.login_tenants.role is 'Role of the login within its tenant.';

-- Down Migration
drop table howdah_private.login_tenants;
drop table howdah.users;
drop table howdah.tenants;
drop function if exists howdah.current_tenant() cascade;
