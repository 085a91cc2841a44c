-- Up Migration
-- Shares: who may be claimed is asked by tenant, so what is live is kept by status, tenant, priority and time. It
-- takes the place of the index by status alone: everything that asked for a status still finds it here.
drop index howdah.executions_live_idx;
create index executions_live_idx
  on howdah.executions (status, waiting_for, tenant_id, priority, greatest(run_at, wake_at), id)
  where status in ('queued', 'running', 'waiting', 'paused');

-- Limits: how many runs may be at work at once.
create table howdah.concurrency_limits (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
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
  constraint a_limit_is_for_an_agent_or_a_model_or_the_whole_tenant check (num_nonnulls(agent_id, model_id) <= 1)
);
create index concurrency_limits_model_id_idx on howdah.concurrency_limits (tenant_id, model_id);
alter table howdah.concurrency_limits enable row level security, force row level security;
comment on table howdah.concurrency_limits is
  'How many runs of an agent, of a model or of the whole tenant may be at work at once; those above it wait (quota).';
comment on constraint concurrency_limits_tenant_id_agent_id_model_id_key on howdah.concurrency_limits is
  E'@behavior -*\nOne limit for each; a limit is named by its id.';
comment on column howdah.concurrency_limits.agent_id is 'The agent whose runs count.';
comment on column howdah.concurrency_limits.model_id is
  'The model whose runs count: those whose pinned version asks it first. With neither agent nor model the limit is the tenant''s.';
comment on column howdah.concurrency_limits.max_running is
  'Runs at work at once. Raised or deleted, those that wait go on; lowered, nobody is stopped.';

create table howdah_private.parked_runs (
  execution_id uuid primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  concurrency_limit_id uuid not null,
  priority smallint not null,
  due_at timestamptz not null
);
create index parked_runs_concurrency_limit_id_idx
  on howdah_private.parked_runs (concurrency_limit_id, priority, due_at, execution_id);
create index parked_runs_tenant_id_idx on howdah_private.parked_runs (tenant_id);
alter table howdah_private.parked_runs enable row level security, force row level security;
comment on table howdah_private.parked_runs is
  'Runs that found a limit reached, in the order they go on. A row whose run no longer waits is dropped when its turn comes.';

-- Down Migration
drop table howdah_private.parked_runs;
drop table howdah.concurrency_limits;
drop index howdah.executions_live_idx;
create index executions_live_idx on howdah.executions (status, id)
  where status in ('queued', 'running', 'waiting', 'paused');
