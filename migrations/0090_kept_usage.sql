-- Up Migration
-- What deleted runs used stays counted: their figures are added up here in the transaction that deletes them.
create table howdah.kept_usage (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  day date not null,
  agent_id uuid,
  agent_version_id uuid,
  workflow_id uuid,
  runs bigint not null,
  completed bigint not null,
  failed bigint not null,
  cancelled bigint not null,
  steps bigint not null,
  tokens_in bigint not null,
  tokens_out bigint not null,
  cost numeric not null,
  unique nulls not distinct (tenant_id, day, agent_id, agent_version_id, workflow_id),
  constraint all_kept_runs_have_ended check (runs = completed + failed + cancelled)
);
alter table howdah.kept_usage enable row level security, force row level security;
comment on table howdah.kept_usage is
  E'@behavior -*\nWhat runs used that are deleted by now, per day and agent version or workflow; daily_usage and agent_performance add it to what is there.';
comment on column howdah.kept_usage.day is 'The day in UTC on which the runs were inserted.';
comment on column howdah.kept_usage.agent_version_id is 'The version the runs were pinned to; null for workflows.';
comment on column howdah.kept_usage.steps is 'Without what forks share with their originals.';
comment on constraint kept_usage_tenant_id_day_agent_id_agent_version_id_workflow_key on howdah.kept_usage is
  E'@behavior -*\nOne row for each; figures of more runs are added to it.';

create table howdah.kept_steps (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  day date not null,
  kind howdah.step_kind not null,
  model_id uuid,
  tool text,
  steps bigint not null,
  errors bigint not null,
  tokens_in bigint not null,
  tokens_out bigint not null,
  cost numeric not null,
  unique nulls not distinct (tenant_id, day, kind, model_id, tool)
);
alter table howdah.kept_steps enable row level security, force row level security;
comment on table howdah.kept_steps is
  E'@behavior -*\nWhat steps used whose runs are deleted by now, per day and model or tool; model_usage and tool_performance add it to what is there.';
comment on column howdah.kept_steps.day is 'The day in UTC on which the steps began.';
comment on column howdah.kept_steps.steps is 'How many steps, without what forks share with their originals.';
comment on column howdah.kept_steps.errors is 'Of these steps those with an error.';
comment on constraint kept_steps_tenant_id_day_kind_model_id_tool_key on howdah.kept_steps is
  E'@behavior -*\nOne row for each; figures of more steps are added to it.';

-- Down Migration
drop table howdah.kept_steps;
drop table howdah.kept_usage;
