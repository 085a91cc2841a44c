-- Up Migration
-- A tenant may keep no contents beyond the end of a run. Which runs those are is noted beside them, since a run may have to
-- wait for its session, a person or a hook, and a table of all runs is not to be read each second.
alter table howdah.retention_policies
  add column keep_sessions_minutes int not null default 60,
  drop constraint what_is_kept_is_kept_for_a_day_at_least,
  add constraint runs_are_kept_for_a_day_at_least check (keep_contents_days >= 0 and keep_runs_days >= 1),
  add constraint sessions_are_kept_for_up_to_a_day check (keep_sessions_minutes between 1 and 1440);
comment on column howdah.retention_policies.keep_contents_days is
  'Days after the end of a run until what was said and done in it is erased; 0: at once; null: never.';
comment on column howdah.retention_policies.keep_sessions_minutes is
  'Where keep_contents_days is 0: minutes after the last activity in a session until what was said in it is erased.';
create index retention_policies_at_once_idx on howdah.retention_policies (tenant_id) where keep_contents_days = 0;

create table howdah_private.erasures_due (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  due_at timestamptz not null default now()
);
create index erasures_due_tenant_id_idx on howdah_private.erasures_due (tenant_id);
create index erasures_due_due_at_idx on howdah_private.erasures_due (due_at);
alter table howdah_private.erasures_due enable row level security, force row level security;
comment on table howdah_private.erasures_due is 'Root runs that have ended and whose contents are to be erased soon.';

create table howdah_private.erasure_mark (
  is_current boolean primary key default true,
  reached_at timestamptz not null default now(),
  constraint there_is_one check (is_current)
);
insert into howdah_private.erasure_mark default values;
alter table howdah_private.erasure_mark enable row level security, force row level security;
comment on table howdah_private.erasure_mark is 'Runs that ended before it were looked at: they are noted in erasures_due.';

-- Down Migration
drop table howdah_private.erasure_mark;
drop table howdah_private.erasures_due;
drop index howdah.retention_policies_at_once_idx;
alter table howdah.retention_policies no force row level security;
update howdah.retention_policies set keep_contents_days = 1 where keep_contents_days = 0;
alter table howdah.retention_policies force row level security;
comment on column howdah.retention_policies.keep_contents_days is
  'Days after the end of a run until what was said and done in it is erased; null: never.';
alter table howdah.retention_policies
  drop constraint sessions_are_kept_for_up_to_a_day,
  drop constraint runs_are_kept_for_a_day_at_least,
  drop column keep_sessions_minutes,
  add constraint what_is_kept_is_kept_for_a_day_at_least check (keep_contents_days >= 1 and keep_runs_days >= 1);
