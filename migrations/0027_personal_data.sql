-- Up Migration
-- A person's data: taken out as a whole, made nobody's or deleted; and how long a tenant keeps what its runs said.
create type howdah.erasure_mode as enum ('anonymise', 'delete');
comment on type howdah.erasure_mode is
  'What becomes of a person''s runs: their contents are erased and the rest stays, or they are deleted whole.';

-- Its functions own what passes the triggers of immutable tables.
grant create on schema howdah_private to howdah_eraser;

alter table howdah.executions add column contents_erased_at timestamptz;
comment on column howdah.executions.contents_erased_at is
  'When what was said and done in it was erased; what it used, and when, stays.';

create table howdah.retention_policies (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  keep_contents_days int,
  keep_runs_days int,
  contents_reached_at timestamptz,
  runs_reached_at timestamptz,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id),
  constraint what_is_kept_is_kept_for_a_day_at_least check (keep_contents_days >= 1 and keep_runs_days >= 1)
);
alter table howdah.retention_policies enable row level security, force row level security;
comment on table howdah.retention_policies is
  'How long a tenant keeps its runs after their end; one row, or none: then for ever. Workers enforce it each night.';
comment on constraint retention_policies_tenant_id_key on howdah.retention_policies is
  E'@behavior -*\nOne policy for each tenant; it is named by its id.';
comment on column howdah.retention_policies.keep_contents_days is
  'Days after the end of a run until what was said and done in it is erased; null: never.';
comment on column howdah.retention_policies.keep_runs_days is
  'Days after the end of a run until it is deleted with all below it; null: never.';
comment on column howdah.retention_policies.contents_reached_at is
  'Runs that ended before it have no contents any more; what is older is not looked at again.';
comment on column howdah.retention_policies.runs_reached_at is
  'Runs that ended before it are deleted; what is older is not looked at again.';

-- Down Migration
drop table howdah.retention_policies;
alter table howdah.executions drop column contents_erased_at;
revoke create on schema howdah_private from howdah_eraser;
drop type howdah.erasure_mode;
