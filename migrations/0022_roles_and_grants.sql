-- Up Migration
-- Roles decide from here on: whoever is no admin reads, runs and edits what his role and the grants of an agent allow.
alter table howdah.tenants add column is_active boolean not null default true;
comment on column howdah.tenants.is_active is
  'False: nobody of the tenant is let in by token or key. Its rows stay, its runs go on.';
alter table howdah.users add column is_active boolean not null default true;
comment on column howdah.users.is_active is
  'False: the user is not let in any more, by no token and no key, within a second.';
alter table howdah_private.login_tenants add column role howdah.user_role not null default 'admin';
comment on column howdah_private.login_tenants.role is 'What the login may do within its tenant.';

-- In this order: each includes those before it.
create type howdah.grant_permission as enum ('read', 'run', 'edit');
comment on type howdah.grant_permission is 'What a grant allows; each includes those before it.';

alter table howdah.agents add column is_restricted boolean not null default false;
comment on column howdah.agents.is_restricted is
  'True while there are grants for it: then only they, admins and owners reach it and its runs.';
create index agents_restricted_idx on howdah.agents (tenant_id) where is_restricted;

create table howdah.grants (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  agent_id uuid not null,
  user_id uuid,
  role howdah.user_role,
  permission howdah.grant_permission not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique nulls not distinct (tenant_id, agent_id, user_id, role),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  constraint a_grant_is_to_a_user_or_to_a_role check (num_nonnulls(user_id, role) = 1)
);
create index grants_user_id_idx on howdah.grants (tenant_id, user_id);
alter table howdah.grants enable row level security, force row level security;
comment on table howdah.grants is
  'Who besides admins and owners may read, run or edit an agent. An agent without grants is open to its tenant, as roles allow.';
comment on constraint grants_tenant_id_agent_id_user_id_role_key on howdah.grants is
  E'@behavior -*\nOne grant for each; a grant is named by its id.';
comment on column howdah.grants.user_id is 'To this user.';
comment on column howdah.grants.role is 'To everybody of this role or a higher one.';

-- Down Migration
drop table howdah.grants;
drop index howdah.agents_restricted_idx;
alter table howdah.agents drop column is_restricted;
drop type howdah.grant_permission;
alter table howdah_private.login_tenants drop column role;
alter table howdah.users drop column is_active;
alter table howdah.tenants drop column is_active;
