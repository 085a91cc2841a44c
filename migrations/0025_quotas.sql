-- Up Migration
-- Quotas: how much may be used within a period, and counters of what was. A rate limit is a quota with a short period.
create type howdah.quota_scope as enum ('tenant', 'user', 'agent', 'session', 'api_key', 'system');
create type howdah.quota_metric as enum ('requests', 'runs', 'tokens', 'cost', 'storage');
create type howdah.quota_period as enum ('minute', 'hour', 'day', 'month');
comment on type howdah.quota_scope is
  'Whose use counts: of the tenant, of one of its users, agents, sessions or API keys, or of the whole installation (system).';
comment on type howdah.quota_metric is
  'What counts: requests to the API, runs begun (without children), tokens, cost, bytes of resources (storage).';
comment on type howdah.quota_period is 'From when to when use is added up: by the calendar, in UTC.';

create table howdah.quotas (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  scope howdah.quota_scope not null default 'tenant',
  subject_id uuid,
  metric howdah.quota_metric not null,
  period howdah.quota_period,
  max_value numeric not null,
  is_imposed boolean not null default false,
  user_id uuid generated always as (case scope when 'user' then subject_id end) stored,
  agent_id uuid generated always as (case scope when 'agent' then subject_id end) stored,
  session_id uuid generated always as (case scope when 'session' then subject_id end) stored,
  api_key_id uuid generated always as (case scope when 'api_key' then subject_id end) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique nulls not distinct (tenant_id, scope, subject_id, metric, period),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade,
  foreign key (tenant_id, api_key_id) references howdah.api_keys (tenant_id, id) on delete cascade,
  constraint all_but_a_tenant_and_the_system_have_a_subject
    check ((scope not in ('tenant', 'system')) = (subject_id is not null)),
  constraint max_value_is_zero_or_more check (max_value >= 0 and max_value <> 'NaN'),
  constraint storage_is_what_there_is_and_has_no_period check (metric <> 'storage' or period is null),
  constraint requests_have_a_period check (metric <> 'requests' or period is not null),
  constraint requests_are_not_of_an_agent_or_a_session check (metric <> 'requests' or scope not in ('agent', 'session')),
  constraint api_keys_have_quotas_of_requests_alone check (scope <> 'api_key' or metric = 'requests'),
  constraint storage_is_of_a_tenant_a_session_or_the_system
    check (metric <> 'storage' or scope in ('tenant', 'session', 'system'))
);
create index quotas_user_id_idx on howdah.quotas (tenant_id, user_id) where user_id is not null;
create index quotas_agent_id_idx on howdah.quotas (tenant_id, agent_id) where agent_id is not null;
create index quotas_session_id_idx on howdah.quotas (tenant_id, session_id) where session_id is not null;
create index quotas_api_key_id_idx on howdah.quotas (tenant_id, api_key_id) where api_key_id is not null;
-- what is asked by everybody, of whom most have none: it must not read anything
create index quotas_of_spending_idx on howdah.quotas (tenant_id) where metric in ('tokens', 'cost');
create index quotas_of_the_system_idx on howdah.quotas (metric) where scope = 'system';
alter table howdah.quotas enable row level security, force row level security;
comment on table howdah.quotas is
  'How much may be used within a period: runs, requests and storage beyond it are refused (HWQTA), runs beyond tokens or cost wait (quota).';
comment on constraint quotas_tenant_id_scope_subject_id_metric_period_key on howdah.quotas is
  E'@behavior -*\nOne quota for each; a quota is named by its id.';
comment on column howdah.quotas.scope is
  'Whose use counts. system: of the whole installation, all tenants together; written by an owner of the database.';
comment on column howdah.quotas.subject_id is 'The user, agent, session or API key; none for a tenant or the system.';
comment on column howdah.quotas.period is
  'By the calendar in UTC: the minute, hour, day or month of now. Without one what counts is all there ever was; for storage, all there is.';
comment on column howdah.quotas.max_value is
  'So much and no more. Raised or lowered, it holds at once, and those that wait go on if they may.';
comment on column howdah.quotas.is_imposed is
  'Written by an owner of the database: the tenant sees it and cannot change it.';
comment on column howdah.quotas.user_id is 'The subject, when it is a user.';
comment on column howdah.quotas.agent_id is 'The subject, when it is an agent.';
comment on column howdah.quotas.session_id is 'The subject, when it is a session.';
comment on column howdah.quotas.api_key_id is 'The subject, when it is an API key.';

create table howdah_private.quota_counters (
  quota_id uuid not null,
  started_at timestamptz not null,
  used numeric not null,
  recount_after xid8,
  primary key (quota_id, started_at)
) with (fillfactor = 50);
alter table howdah_private.quota_counters enable row level security, force row level security;
comment on table howdah_private.quota_counters is
  'What was used of a quota in the period that began then; changed in the transaction that uses it, under the lock of the row.';
comment on column howdah_private.quota_counters.recount_after is
  'The transaction that made the quota: what those beside it have spent is counted when they are over.';

alter table howdah_private.parked_runs
  alter column concurrency_limit_id drop not null,
  add column quota_id uuid,
  add constraint a_run_is_parked_at_a_limit_or_at_a_quota check (num_nonnulls(concurrency_limit_id, quota_id) = 1);
create index parked_runs_quota_id_idx
  on howdah_private.parked_runs (quota_id, priority, due_at, execution_id) where quota_id is not null;
comment on table howdah_private.parked_runs is
  'Runs that found a limit reached or a quota used up, in the order they go on. A row whose run no longer waits is dropped when its turn comes.';

-- Down Migration
alter table howdah_private.parked_runs no force row level security;
delete from howdah_private.parked_runs where quota_id is not null; -- their runs are found and woken within a minute
alter table howdah_private.parked_runs force row level security;
drop index howdah_private.parked_runs_quota_id_idx;
alter table howdah_private.parked_runs
  drop constraint a_run_is_parked_at_a_limit_or_at_a_quota,
  drop column quota_id,
  alter column concurrency_limit_id set not null;
comment on table howdah_private.parked_runs is
  'Runs that found a limit reached, in the order they go on. A row whose run no longer waits is dropped when its turn comes.';
drop table howdah_private.quota_counters;
drop table howdah.quotas;
drop type howdah.quota_period;
drop type howdah.quota_metric;
drop type howdah.quota_scope;
