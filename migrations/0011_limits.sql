-- Up Migration
-- Settings, limits, and the runs that wait for one.

create table howdah.settings (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  scope howdah.setting_scope not null default 'tenant',
  key text not null,
  value jsonb not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, scope, key),
  constraint value_is_a_number check (jsonb_typeof(value) = 'number')
);
-- One value per key for the whole installation, read by every tenant.
create unique index settings_of_the_system_key on howdah.settings (key) where scope = 'system';
alter table howdah.settings enable row level security, force row level security;
comment on table howdah.settings is
  'Numbers of the engine that differ from their defaults. The view setting_values lists all of '
  'them with the values in force.';
comment on column howdah.settings.scope is
  'tenant: for this tenant. system: for every tenant without a value of its own; written by an '
  'owner of the database.';
comment on column howdah.settings.key is 'Name of the setting, as setting_values lists it.';
comment on column howdah.settings.value is 'A number within the range that setting_values gives.';

-- A limit of a user, agent, session or API key without a subject holds for each of them, and a
-- limit of the system may hold for each tenant. Usage is therefore counted per limit and subject.
-- The generated columns repeat subject_id by scope, so that foreign keys delete a limit with its
-- subject.
create table howdah.limits (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  scope howdah.limit_scope not null default 'tenant',
  subject_id uuid,
  key text,
  metric howdah.limit_metric not null,
  period howdah.limit_period,
  max_value numeric not null,
  is_imposed boolean not null default false,
  is_per_tenant boolean not null default false,
  user_id uuid generated always as (case scope when 'user' then subject_id end) stored,
  agent_id uuid generated always as (case scope when 'agent' then subject_id end) stored,
  session_id uuid generated always as (case scope when 'session' then subject_id end) stored,
  api_key_id uuid generated always as (case scope when 'api_key' then subject_id end) stored,
  model_id uuid generated always as (case scope when 'model' then subject_id end) stored,
  tool_id uuid generated always as (case scope when 'tool' then subject_id end) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint limits_tenant_id_scope_subject_id_key_metric_period_key
    unique nulls not distinct
    (tenant_id, scope, subject_id, key, metric, period, is_per_tenant, is_imposed),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade,
  foreign key (tenant_id, api_key_id) references howdah.api_keys (tenant_id, id) on delete cascade,
  foreign key (tenant_id, model_id) references howdah.models (tenant_id, id) on delete cascade,
  foreign key (tenant_id, tool_id) references howdah.tools (tenant_id, id) on delete cascade,
  constraint max_value_is_zero_or_more check (max_value >= 0 and max_value <> 'NaN'),
  constraint at_least_one_run_or_call_is_allowed check (
    (metric not in ('running_runs', 'running_calls', 'calls') and scope <> 'model')
    or (max_value between 1 and 2147483647 and max_value = trunc(max_value))
  ),
  constraint requests_have_a_period check (metric <> 'requests' or period is not null),
  constraint storage_and_running_limits_have_no_period
    check (metric not in ('storage', 'running_runs', 'running_calls') or period is null),
  constraint calls_and_tokens_of_a_model_are_counted_per_minute check (
    (metric <> 'calls' and (metric <> 'tokens' or scope <> 'model'))
    or period is not distinct from 'minute'
  ),
  constraint requests_are_of_a_tenant_a_user_an_api_key_or_the_system
    check (metric <> 'requests' or scope in ('tenant', 'user', 'api_key', 'system')),
  constraint runs_and_cost_are_not_of_an_api_key_a_model_or_a_tool
    check (metric not in ('runs', 'cost') or scope not in ('api_key', 'model', 'tool')),
  constraint tokens_are_not_of_an_api_key_or_a_tool
    check (metric <> 'tokens' or scope not in ('api_key', 'tool')),
  constraint storage_is_of_a_tenant_a_session_or_the_system
    check (metric <> 'storage' or scope in ('tenant', 'session', 'system')),
  constraint running_runs_are_of_an_agent_a_model_a_key_or_a_tenant
    check (metric <> 'running_runs' or scope in ('agent', 'model', 'key', 'tenant')),
  constraint calls_are_of_a_model_or_a_tool
    check (metric not in ('running_calls', 'calls') or scope in ('model', 'tool')),
  constraint a_tenant_a_key_and_the_system_have_no_subject
    check (scope not in ('tenant', 'key', 'system') or subject_id is null),
  constraint a_limit_of_a_key_counts_running_runs
    check (scope <> 'key' or metric = 'running_runs'),
  constraint a_limit_of_a_model_or_a_tool_has_a_subject_or_a_key
    check (scope not in ('model', 'tool') or num_nonnulls(subject_id, key) = 1),
  constraint a_limit_of_running_runs_has_its_subject
    check (metric <> 'running_runs' or scope in ('tenant', 'key') or subject_id is not null),
  constraint a_key_is_of_a_model_a_tool_or_runs
    check (key is null or scope in ('model', 'tool', 'key')),
  constraint a_key_of_a_limit_is_not_empty check (key ~ '\S'),
  constraint a_limit_per_tenant_is_of_the_system check (not is_per_tenant or scope = 'system')
);
create index limits_user_id_idx on howdah.limits (tenant_id, user_id) where user_id is not null;
create index limits_agent_id_idx on howdah.limits (tenant_id, agent_id) where agent_id is not null;
create index limits_session_id_idx
  on howdah.limits (tenant_id, session_id) where session_id is not null;
create index limits_api_key_id_idx
  on howdah.limits (tenant_id, api_key_id) where api_key_id is not null;
create index limits_model_id_idx on howdah.limits (tenant_id, model_id) where model_id is not null;
create index limits_tool_id_idx on howdah.limits (tenant_id, tool_id) where tool_id is not null;
-- Every insert, claim and commit asks whether such limits exist. Mostly none does.
create index limits_metric_idx on howdah.limits (metric, tenant_id);
create index limits_of_calls_idx on howdah.limits (tenant_id) where scope in ('model', 'tool');
create index limits_of_the_system_idx on howdah.limits (metric) where scope = 'system';
create index limits_key_idx on howdah.limits (key) where key is not null;
alter table howdah.limits enable row level security, force row level security;
comment on table howdah.limits is
  'Maximum use within a period, or at once. Runs, requests and storage above it are refused '
  '(HWQTA). Runs above tokens, cost, running runs or calls wait (quota).';
comment on column howdah.limits.scope is
  'Whose use counts. system is the whole installation, over all tenants. Only an owner of the '
  'database writes a limit of the system.';
comment on column howdah.limits.subject_id is
  'The user, agent, session, API key, model or tool. Null means each user, agent, session or API '
  'key without a limit of its own for this metric and period. Null for a tenant, a key or the '
  'system.';
comment on column howdah.limits.key is
  'Scope key: the concurrency_key of runs; null means each key without a limit of its own. Scopes '
  'tool and model: the name of a tool, or the provider''s id of a model (models.model), over all '
  'tenants; only an owner of the database writes it.';
comment on column howdah.limits.metric is
  'What counts. A run counts for the model that its pinned version has first. A child counts '
  'neither for runs nor for requests.';
comment on column howdah.limits.period is
  'The current minute, hour, day or month in UTC. Calls, and tokens of a model, count within any '
  '60 seconds. Null for what runs at once, or for all use ever.';
comment on column howdah.limits.max_value is
  'Maximum use. A change applies at once: waiting runs go on if they may, and nothing is stopped.';
comment on column howdah.limits.is_imposed is
  'Written by an owner of the database: the tenant sees it and cannot change it. A limit of the '
  'tenant for the same use holds beside it, so the smaller of both counts.';
comment on column howdah.limits.is_per_tenant is
  'Of a limit of the system: each tenant may use this much, unless an owner of the database wrote '
  'a limit for that tenant.';
comment on column howdah.limits.user_id is 'The subject, if it is a user.';
comment on column howdah.limits.agent_id is 'The subject, if it is an agent.';
comment on column howdah.limits.session_id is 'The subject, if it is a session.';
comment on column howdah.limits.api_key_id is 'The subject, if it is an API key.';
comment on column howdah.limits.model_id is 'The subject, if it is a model.';
comment on column howdah.limits.tool_id is
  'The subject, if it is a tool. A tool that begins a run makes no calls: limit its runs.';
comment on constraint limits_tenant_id_scope_subject_id_key_metric_period_key on howdah.limits is
  E'@behavior -*\nOne limit for each; a limit is named by its id.';

create table howdah_private.limited_calls (
  id bigint generated always as identity primary key,
  call_id uuid not null,
  limit_id uuid not null,
  execution_id uuid not null,
  began_at timestamptz not null,
  tokens int not null default 0,
  ended_at timestamptz
) with (fillfactor = 70);
create index limited_calls_call_id_idx on howdah_private.limited_calls (call_id);
create index limited_calls_execution_id_idx
  on howdah_private.limited_calls (execution_id) where ended_at is null;
create index limited_calls_in_the_air_idx
  on howdah_private.limited_calls (limit_id) where ended_at is null;
create index limited_calls_began_at_idx on howdah_private.limited_calls (limit_id, began_at);
create index limited_calls_ended_at_idx
  on howdah_private.limited_calls (limit_id, ended_at) include (tokens);
alter table howdah_private.limited_calls enable row level security, force row level security;
comment on table howdah_private.limited_calls is
  'Calls that count for a limit: those in progress and those of the last minute, one row per '
  'limit.';
comment on column howdah_private.limited_calls.call_id is
  'The call, the same for all limits it counts for.';
comment on column howdah_private.limited_calls.ended_at is
  'Null while the call is in progress. The end of its run ends the call too.';

create table howdah_private.limit_counters (
  limit_id uuid not null,
  subject_id uuid,
  started_at timestamptz not null,
  used numeric not null,
  primary key (limit_id, started_at, subject_id)
) with (fillfactor = 50);
alter table howdah_private.limit_counters enable row level security, force row level security;
comment on table howdah_private.limit_counters is
  'Use of a limit in the period that began at started_at, changed by the transaction that uses it '
  'under the lock of the row.';
comment on column howdah_private.limit_counters.subject_id is
  'Whose use it is: tenant, user, agent, session or API key; the limit itself where it covers all '
  'tenants.';

create table howdah_private.parked_runs (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  limit_id uuid not null,
  due_at timestamptz not null,
  priority smallint not null,
  subject_id uuid
);
create index parked_runs_tenant_id_idx on howdah_private.parked_runs (tenant_id);
create index parked_runs_limit_id_idx
  on howdah_private.parked_runs (limit_id, subject_id, priority, due_at, execution_id);
create index parked_runs_without_subject_idx
  on howdah_private.parked_runs (limit_id, priority, due_at, execution_id)
  where subject_id is null;
alter table howdah_private.parked_runs enable row level security, force row level security;
comment on table howdah_private.parked_runs is
  'Runs that reached a limit, in the order in which they go on. A row whose run no longer waits '
  'is dropped at its turn.';
comment on column howdah_private.parked_runs.limit_id is 'The limit that was reached.';
comment on column howdah_private.parked_runs.subject_id is
  'The subject that used up a limit of tokens or cost, or a hash of the concurrency key. Null for '
  'other running runs and for calls.';

-- Down Migration
drop table howdah_private.parked_runs;
drop table howdah_private.limit_counters;
drop table howdah_private.limited_calls;
drop table howdah.limits;
drop table howdah.settings;
