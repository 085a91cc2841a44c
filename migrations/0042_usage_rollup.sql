-- Up Migration
-- Usage is rolled up when runs end, so that views of usage do not read all runs and steps.
--
-- The end of a run adds one narrow row to usage_events, with the figures of the run by value. A
-- chore of the workers counts events in batches: it adds rows to usage_totals and usage_durations,
-- and deletes the events. No two ends of runs wait for each other, and no two counts do, since all
-- of them only add rows. Rows of the same kind are merged later. A retry adds an event that takes
-- the figures of the run back. Its steps stay counted, and counted_steps tells how many.

alter table howdah.executions add column counted_steps int;
comment on column howdah.executions.counted_steps is
  E'@behavior -*\n'
  'Number of steps that usage_by_day counts with the ended runs. Null before the first end.';

create table howdah.usage_totals (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  runs bigint not null default 0,
  roots bigint not null default 0,
  steps bigint not null default 0,
  errors bigint not null default 0,
  tokens_in bigint not null default 0,
  tokens_out bigint not null default 0,
  cached_tokens bigint not null default 0,
  cache_write_tokens bigint not null default 0,
  estimated_steps bigint not null default 0,
  day date not null,
  is_merged boolean not null default false,
  agent_id uuid,
  agent_version_id uuid,
  workflow_id uuid,
  user_id uuid,
  model_id uuid,
  kind howdah.step_kind,
  cost numeric not null default 0,
  outcome text not null,
  tool text
);
create index usage_totals_day_idx on howdah.usage_totals (tenant_id, day);
create index usage_totals_unmerged_idx on howdah.usage_totals (tenant_id, day) where not is_merged;
alter table howdah.usage_totals enable row level security, force row level security;
comment on table howdah.usage_totals is
  E'@behavior -*\n'
  'Rollup of ended runs per day, deleted runs included. A row counts runs of an agent version or '
  'workflow (kind is null), or their steps of a model or tool. Several rows may have the same key: '
  'sum them. usage_by_day and other views add live runs.';
comment on column howdah.usage_totals.runs is 'Number of runs. 0 in a row of steps.';
comment on column howdah.usage_totals.roots is 'Number of runs that have no parent.';
comment on column howdah.usage_totals.steps is
  'Number of steps, without steps that forks share with their originals.';
comment on column howdah.usage_totals.errors is 'Number of steps with an error, in a row of steps.';
comment on column howdah.usage_totals.cached_tokens is
  'Input tokens that providers read from their prompt caches; a part of tokens_in.';
comment on column howdah.usage_totals.cache_write_tokens is
  'Input tokens that providers wrote to their prompt caches; a part of tokens_in.';
comment on column howdah.usage_totals.estimated_steps is
  'Number of steps whose tokens are estimated, since the vendor reported no counts.';
comment on column howdah.usage_totals.day is
  'Day in UTC on which the runs were inserted, or on which the steps began.';
comment on column howdah.usage_totals.is_merged is
  'True in a row that was merged from others of its key. There is no other such row of the key.';
comment on column howdah.usage_totals.agent_version_id is
  'The version of the agent. Null for workflows.';
comment on column howdah.usage_totals.user_id is
  'The user of the runs. Null in a row of a tool. Names nobody once the user is deleted.';
comment on column howdah.usage_totals.kind is 'Kind of the steps. Null in a row of runs.';
comment on column howdah.usage_totals.outcome is
  'completed, failed or cancelled in a row of runs, ok or error in a row of steps.';

create table howdah.usage_durations (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  calls bigint not null,
  errors bigint not null default 0,
  micros bigint not null,
  day date not null,
  bucket int not null,
  is_merged boolean not null default false,
  agent_id uuid,
  agent_version_id uuid,
  workflow_id uuid,
  model_id uuid,
  tool text
);
create index usage_durations_day_idx on howdah.usage_durations (tenant_id, day);
create index usage_durations_calls_idx on howdah.usage_durations (tenant_id, tool, model_id)
  where tool is not null or model_id is not null;
create index usage_durations_unmerged_idx
  on howdah.usage_durations (tenant_id, day) where not is_merged;
alter table howdah.usage_durations enable row level security, force row level security;
comment on table howdah.usage_durations is
  E'@behavior -*\n'
  'Histograms of durations per day: of runs, or of answers of a model or calls of a tool. '
  'Percentiles of views are computed from the averages of the buckets, so they are exact to 2 %.';
comment on column howdah.usage_durations.calls is 'Number of runs, answers or calls.';
comment on column howdah.usage_durations.errors is 'Number of calls with an error.';
comment on column howdah.usage_durations.micros is 'Sum of their durations, in microseconds.';
comment on column howdah.usage_durations.day is
  'As in usage_totals. For calls of models and tools, the first day of the month.';
comment on column howdah.usage_durations.agent_id is
  'The agent of the runs. For calls, the agent if it was restricted when they were counted.';
comment on column howdah.usage_durations.agent_version_id is
  'The version of the agent. Null for workflows and calls.';
comment on column howdah.usage_durations.bucket is
  'Logarithm of the duration in microseconds to the base 1.02, rounded down.';
comment on column howdah.usage_durations.is_merged is 'As in usage_totals.';

create table howdah_private.usage_events (
  execution_id uuid not null,
  tenant_id uuid not null,
  tokens_in bigint not null,
  tokens_out bigint not null,
  created_at timestamptz not null,
  moves int not null,
  first_seq int not null,
  last_seq int not null,
  steps int not null,
  status howdah.execution_status not null,
  sign smallint not null,
  is_root boolean not null,
  is_compensation boolean not null,
  agent_id uuid,
  agent_version_id uuid,
  workflow_id uuid,
  micros bigint,
  cost numeric not null,
  primary key (execution_id, moves)
) with (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000);
alter table howdah_private.usage_events enable row level security, force row level security;
comment on table howdah_private.usage_events is
  'Ends and retries of runs that usage_totals does not count yet, one row each. A worker deletes '
  'the row in the transaction that counts it.';
comment on column howdah_private.usage_events.moves is
  'Number of status changes of the run, which tells its events apart.';
comment on column howdah_private.usage_events.first_seq is
  'Last step that was counted before. The event counts later steps.';
comment on column howdah_private.usage_events.last_seq is 'Last step that the event counts.';
comment on column howdah_private.usage_events.steps is
  'Number of steps of the run, without steps that a fork shares with its original.';
comment on column howdah_private.usage_events.sign is '1 counts the run, -1 takes it back.';
comment on column howdah_private.usage_events.micros is
  'Microseconds from the first claim to the end. Null if the run was never claimed.';

-- Runs that ended before this migration are counted in batches, in the order of their ids.
create table howdah_private.usage_backfill (
  is_current boolean primary key default true,
  counted_to uuid not null default '00000000-0000-0000-0000-000000000000',
  is_done boolean not null default false,
  constraint there_is_one check (is_current)
);
insert into howdah_private.usage_backfill default values;
alter table howdah_private.usage_backfill enable row level security, force row level security;
comment on table howdah_private.usage_backfill is
  'How far runs without counted_steps, which ended before it existed, are counted. One row. A '
  'retry or deletion of such a run holds its lock.';
comment on column howdah_private.usage_backfill.counted_to is
  'Ended runs up to this id are counted.';

-- Usage of runs that were deleted before.
alter table howdah.deleted_run_usage no force row level security;
alter table howdah.deleted_step_usage no force row level security;
alter table howdah.usage_totals no force row level security;
insert into howdah.usage_totals (tenant_id, day, agent_id, agent_version_id, workflow_id, outcome,
  runs, roots, steps, tokens_in, tokens_out, cost)
select k.tenant_id, k.day, k.agent_id, k.agent_version_id, k.workflow_id, o.outcome, o.runs,
  case when o.is_first then k.roots else 0 end, case when o.is_first then k.steps else 0 end,
  case when o.is_first then k.tokens_in else 0 end,
  case when o.is_first then k.tokens_out else 0 end, case when o.is_first then k.cost else 0 end
from howdah.deleted_run_usage as k
cross join lateral (
  select x.outcome, x.runs, x.outcome = min(x.outcome) over () as is_first
  from (values ('completed', k.completed), ('failed', k.failed), ('cancelled', k.cancelled))
    as x (outcome, runs)
  where x.runs > 0
) as o;
insert into howdah.usage_totals (tenant_id, day, kind, model_id, tool, outcome, steps, errors,
  tokens_in, tokens_out, cost, cached_tokens, cache_write_tokens, estimated_steps)
select k.tenant_id, k.day, k.kind, k.model_id, k.tool, o.outcome, o.steps, o.errors,
  case when o.is_first then k.tokens_in else 0 end,
  case when o.is_first then k.tokens_out else 0 end, case when o.is_first then k.cost else 0 end,
  case when o.is_first then k.cached_tokens else 0 end,
  case when o.is_first then k.cache_write_tokens else 0 end,
  case when o.is_first then k.estimated_steps else 0 end
from howdah.deleted_step_usage as k
cross join lateral (
  select x.outcome, x.steps, x.errors, x.outcome = max(x.outcome) over () as is_first
  from (values ('ok', k.steps - k.errors, 0::bigint), ('error', k.errors, k.errors))
    as x (outcome, steps, errors)
  where x.steps > 0
) as o;
alter table howdah.deleted_run_usage force row level security;
alter table howdah.deleted_step_usage force row level security;
alter table howdah.usage_totals force row level security;

comment on table howdah.deleted_run_usage is
  E'@behavior -*\n'
  'Rollup of deleted runs per day and agent version or workflow. Limits made later count it. Views '
  'read usage_totals.';
comment on table howdah.deleted_step_usage is
  E'@behavior -*\n'
  'Rollup of steps of deleted runs per day and model or tool, for releases without usage_totals.';

-- Down Migration
drop table howdah_private.usage_backfill;
drop table howdah_private.usage_events;
drop table howdah.usage_durations;
drop table howdah.usage_totals;
alter table howdah.executions drop column counted_steps;
