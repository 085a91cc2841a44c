-- Up Migration
-- Settings, limits and quotas, and the runs that wait for one.

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

create table howdah.concurrency_limits (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  agent_id uuid,
  model_id uuid,
  max_running int not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique nulls not distinct (tenant_id, agent_id, model_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, model_id) references howdah.models (tenant_id, id) on delete cascade,
  constraint at_least_one_run_may_be_at_work check (max_running >= 1),
  constraint a_limit_is_for_an_agent_or_a_model_or_the_whole_tenant
    check (num_nonnulls(agent_id, model_id) <= 1)
);
create index concurrency_limits_model_id_idx on howdah.concurrency_limits (tenant_id, model_id);
alter table howdah.concurrency_limits enable row level security, force row level security;
comment on table howdah.concurrency_limits is
  'Maximum number of runs at work at once, of an agent, of a model or of the tenant. Further runs '
  'wait (quota).';
comment on column howdah.concurrency_limits.agent_id is 'The agent whose runs count.';
comment on column howdah.concurrency_limits.model_id is
  'The model whose runs count: runs whose pinned version has it first. Without agent_id and '
  'model_id the limit is for the tenant.';
comment on column howdah.concurrency_limits.max_running is
  'Maximum number of runs at work. A higher value lets waiting runs go on; a lower one stops no '
  'run.';
comment on constraint concurrency_limits_tenant_id_agent_id_model_id_key
  on howdah.concurrency_limits is
  E'@behavior -*\n'
  'One limit for each; a limit is named by its id.';

create table howdah.call_limits (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  tool_id uuid,
  model_id uuid,
  every_tool text,
  every_model text,
  max_at_once int,
  max_per_minute int,
  max_tokens_per_minute int,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique nulls not distinct (tenant_id, tool_id, model_id, every_tool, every_model),
  foreign key (tenant_id, tool_id) references howdah.tools (tenant_id, id) on delete cascade,
  foreign key (tenant_id, model_id) references howdah.models (tenant_id, id) on delete cascade,
  constraint a_call_limit_is_of_one_tool_or_one_model
    check (num_nonnulls(tool_id, model_id, every_tool, every_model) = 1),
  constraint a_call_limit_has_a_number
    check (num_nonnulls(max_at_once, max_per_minute, max_tokens_per_minute) >= 1),
  constraint at_least_one_call_is_let_through
    check (least(max_at_once, max_per_minute, max_tokens_per_minute) >= 1),
  constraint tokens_are_those_of_a_model
    check (max_tokens_per_minute is null or num_nonnulls(model_id, every_model) = 1)
);
create index call_limits_model_id_idx on howdah.call_limits (tenant_id, model_id);
-- Every tenant with calls asks for these limits. The index is empty where none exists.
create index call_limits_of_the_system_idx
  on howdah.call_limits (every_tool, every_model) where tool_id is null and model_id is null;
alter table howdah.call_limits enable row level security, force row level security;
comment on table howdah.call_limits is
  'Maximum number of calls of a tool or model, at once and within a minute. Runs that want to '
  'make more calls wait (quota).';
comment on column howdah.call_limits.tool_id is
  'The tool whose calls count. A tool that begins a run has no calls: limit its runs.';
comment on column howdah.call_limits.model_id is 'The model whose calls count.';
comment on column howdah.call_limits.every_tool is
  'Name of a tool: calls of every tool of this name count, over all tenants. Written by an owner '
  'of the database.';
comment on column howdah.call_limits.every_model is
  'Provider''s id of a model (models.model): calls of every such model count, over all tenants. '
  'Written by an owner of the database.';
comment on column howdah.call_limits.max_at_once is
  'Maximum number of calls at once. A lower value stops no call.';
comment on column howdah.call_limits.max_per_minute is
  'Maximum number of calls that begin within any 60 seconds. A failed attempt counts.';
comment on column howdah.call_limits.max_tokens_per_minute is
  'Another call begins while the calls of the last 60 seconds used fewer tokens than this, in and '
  'out.';
comment on constraint call_limits_tenant_id_tool_id_model_id_every_tool_every_mod_key
  on howdah.call_limits is
  E'@behavior -*\n'
  'One limit for each; a limit is named by its id.';

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

-- A quota of a user, agent, session or API key without a subject holds for each of them; a quota of
-- the system may hold for each tenant. Use is therefore counted by quota and subject. The generated
-- columns repeat subject_id by scope, so that four foreign keys can delete a quota with its
-- subject.
create table howdah.quotas (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  scope howdah.quota_scope not null default 'tenant',
  subject_id uuid,
  metric howdah.quota_metric not null,
  period howdah.quota_period,
  max_value numeric not null,
  is_imposed boolean not null default false,
  is_per_tenant boolean not null default false,
  user_id uuid generated always as (case scope when 'user' then subject_id end) stored,
  agent_id uuid generated always as (case scope when 'agent' then subject_id end) stored,
  session_id uuid generated always as (case scope when 'session' then subject_id end) stored,
  api_key_id uuid generated always as (case scope when 'api_key' then subject_id end) stored,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint quotas_tenant_id_scope_subject_id_metric_period_key
    unique nulls not distinct (tenant_id, scope, subject_id, metric, period, is_per_tenant),
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade,
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, session_id) references howdah.sessions (tenant_id, id) on delete cascade,
  foreign key (tenant_id, api_key_id) references howdah.api_keys (tenant_id, id) on delete cascade,
  constraint max_value_is_zero_or_more check (max_value >= 0 and max_value <> 'NaN'),
  constraint storage_is_what_there_is_and_has_no_period
    check (metric <> 'storage' or period is null),
  constraint requests_have_a_period check (metric <> 'requests' or period is not null),
  constraint requests_are_not_of_an_agent_or_a_session
    check (metric <> 'requests' or scope not in ('agent', 'session')),
  constraint api_keys_have_quotas_of_requests_alone
    check (scope <> 'api_key' or metric = 'requests'),
  constraint storage_is_of_a_tenant_a_session_or_the_system
    check (metric <> 'storage' or scope in ('tenant', 'session', 'system')),
  constraint a_tenant_and_the_system_have_no_subject
    check (scope not in ('tenant', 'system') or subject_id is null),
  constraint a_quota_per_tenant_is_of_the_system check (not is_per_tenant or scope = 'system')
);
create index quotas_user_id_idx on howdah.quotas (tenant_id, user_id) where user_id is not null;
create index quotas_agent_id_idx on howdah.quotas (tenant_id, agent_id) where agent_id is not null;
create index quotas_session_id_idx
  on howdah.quotas (tenant_id, session_id) where session_id is not null;
create index quotas_api_key_id_idx
  on howdah.quotas (tenant_id, api_key_id) where api_key_id is not null;
-- Every commit asks for these quotas and most tenants have none: the index is then empty.
create index quotas_of_spending_idx on howdah.quotas (tenant_id) where metric in ('tokens', 'cost');
create index quotas_of_the_system_idx on howdah.quotas (metric) where scope = 'system';
alter table howdah.quotas enable row level security, force row level security;
comment on table howdah.quotas is
  'Maximum use within a period. Runs, requests and storage above it are refused (HWQTA); runs '
  'above tokens or cost wait (quota).';
comment on column howdah.quotas.scope is
  'Whose use counts. system is the whole installation, over all tenants; written by an owner of '
  'the database.';
comment on column howdah.quotas.subject_id is
  'The user, agent, session or API key. Null means each of them without a quota of its own for '
  'this metric and period. Null for a tenant or the system.';
comment on column howdah.quotas.period is
  'The current minute, hour, day or month in UTC. Without a period all use ever counts; for '
  'storage, all that is stored.';
comment on column howdah.quotas.max_value is
  'Maximum use. A change applies at once, and waiting runs go on if they may.';
comment on column howdah.quotas.is_imposed is
  'Written by an owner of the database: the tenant sees it and cannot change it.';
comment on column howdah.quotas.is_per_tenant is
  'Of a quota of the system: each tenant may use this much, unless an owner of the database wrote '
  'a quota for that tenant.';
comment on column howdah.quotas.user_id is 'The subject, if it is a user.';
comment on column howdah.quotas.agent_id is 'The subject, if it is an agent.';
comment on column howdah.quotas.session_id is 'The subject, if it is a session.';
comment on column howdah.quotas.api_key_id is 'The subject, if it is an API key.';
comment on constraint quotas_tenant_id_scope_subject_id_metric_period_key on howdah.quotas is
  E'@behavior -*\nOne quota for each; a quota is named by its id.';

create table howdah_private.quota_counters (
  quota_id uuid not null,
  subject_id uuid,
  started_at timestamptz not null,
  used numeric not null,
  primary key (quota_id, started_at, subject_id)
) with (fillfactor = 50);
alter table howdah_private.quota_counters enable row level security, force row level security;
comment on table howdah_private.quota_counters is
  'Use of a quota in the period that began at started_at, changed by the transaction that uses it '
  'under the lock of the row.';
comment on column howdah_private.quota_counters.subject_id is
  'Whose use it is: tenant, user, agent, session or API key; the quota itself where it covers all '
  'tenants.';

create table howdah_private.quota_recounts (
  quota_id uuid primary key,
  after xid8
);
alter table howdah_private.quota_recounts enable row level security, force row level security;
comment on table howdah_private.quota_recounts is
  'New quotas of tokens and cost whose use is counted again once all transactions that did not '
  'see them have ended.';
comment on column howdah_private.quota_recounts.after is
  'A transaction that began when the quota was visible to all. Earlier ones may not have seen it. '
  'Null until somebody looked.';

create table howdah_private.parked_runs (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  due_at timestamptz not null,
  priority smallint not null,
  concurrency_limit_id uuid,
  quota_id uuid,
  quota_subject_id uuid,
  call_limit_id uuid,
  constraint a_run_is_parked_for_a_subject_of_the_quota
    check ((quota_id is null) = (quota_subject_id is null)),
  constraint a_run_is_parked_at_a_limit_or_at_a_quota
    check (num_nonnulls(concurrency_limit_id, call_limit_id, quota_id) = 1)
);
create index parked_runs_concurrency_limit_id_idx
  on howdah_private.parked_runs (concurrency_limit_id, priority, due_at, execution_id);
create index parked_runs_tenant_id_idx on howdah_private.parked_runs (tenant_id);
create index parked_runs_quota_id_idx
  on howdah_private.parked_runs (quota_id, quota_subject_id, priority, due_at, execution_id)
  where quota_id is not null;
create index parked_runs_call_limit_id_idx
  on howdah_private.parked_runs (call_limit_id, priority, due_at, execution_id)
  where call_limit_id is not null;
alter table howdah_private.parked_runs enable row level security, force row level security;
comment on table howdah_private.parked_runs is
  'Runs that reached a limit or quota, in the order in which they go on. A row whose run no '
  'longer waits is dropped at its turn.';
comment on column howdah_private.parked_runs.quota_subject_id is
  'The subject whose quota is used up.';
comment on column howdah_private.parked_runs.call_limit_id is
  'The limit that allowed no further call.';

-- Down Migration
drop table howdah_private.parked_runs;
drop table howdah_private.quota_recounts;
drop table howdah_private.quota_counters;
drop table howdah.quotas;
drop table howdah_private.limited_calls;
drop table howdah.call_limits;
drop table howdah.concurrency_limits;
drop table howdah.settings;
