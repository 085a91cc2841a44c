-- Up Migration
-- Limits of what calls: how many calls of a tool or a model may be in the air at once, and how many may begin in a minute.
create table howdah.call_limits (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
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
  constraint a_call_limit_is_of_one_tool_or_one_model check (num_nonnulls(tool_id, model_id, every_tool, every_model) = 1),
  constraint a_call_limit_has_a_number check (num_nonnulls(max_at_once, max_per_minute, max_tokens_per_minute) >= 1),
  constraint at_least_one_call_is_let_through check (least(max_at_once, max_per_minute, max_tokens_per_minute) >= 1),
  constraint tokens_are_those_of_a_model check (max_tokens_per_minute is null or num_nonnulls(model_id, every_model) = 1)
);
create index call_limits_model_id_idx on howdah.call_limits (tenant_id, model_id);
-- what every tenant with calls is asked about: it reads nothing where there is none
create index call_limits_of_the_system_idx on howdah.call_limits (every_tool, every_model)
  where tool_id is null and model_id is null;
alter table howdah.call_limits enable row level security, force row level security;
comment on table howdah.call_limits is
  'How many calls of a tool or of a model may be in the air at once, and how many may begin within a minute; runs that want more wait (quota).';
comment on constraint call_limits_tenant_id_tool_id_model_id_every_tool_every_mod_key on howdah.call_limits is
  E'@behavior -*\nOne limit for each; a limit is named by its id.';
comment on column howdah.call_limits.tool_id is 'The tool whose calls count. One that begins a run of an agent or a workflow has no calls: limit its runs.';
comment on column howdah.call_limits.model_id is 'The model whose calls count.';
comment on column howdah.call_limits.every_tool is
  'The name of a tool: calls of every tool of this name count, of all tenants together. Written by an owner of the database.';
comment on column howdah.call_limits.every_model is
  'What a provider calls a model (models.model): calls of every model that asks for it count, of all tenants together. Written by an owner of the database.';
comment on column howdah.call_limits.max_at_once is 'Calls in the air at once. Lowered, no call is stopped.';
comment on column howdah.call_limits.max_per_minute is 'Calls that begin within any 60 seconds; an attempt that failed was a call.';
comment on column howdah.call_limits.max_tokens_per_minute is
  'Tokens, in and out, of the calls that ended within the last 60 seconds: while there were fewer, another call begins.';

create table howdah_private.limited_calls (
  id bigint generated always as identity primary key,
  call_id uuid not null,
  limit_id uuid not null,
  execution_id uuid not null,
  began_at timestamptz not null,
  ended_at timestamptz,
  tokens int not null default 0
) with (fillfactor = 70);
create index limited_calls_call_id_idx on howdah_private.limited_calls (call_id);
create index limited_calls_execution_id_idx on howdah_private.limited_calls (execution_id) where ended_at is null;
create index limited_calls_in_the_air_idx on howdah_private.limited_calls (limit_id) where ended_at is null;
create index limited_calls_began_at_idx on howdah_private.limited_calls (limit_id, began_at);
create index limited_calls_ended_at_idx on howdah_private.limited_calls (limit_id, ended_at) include (tokens);
alter table howdah_private.limited_calls enable row level security, force row level security;
comment on table howdah_private.limited_calls is
  'Calls that count for a limit: those in the air and those of the last minute, one row for each limit they count for.';
comment on column howdah_private.limited_calls.call_id is 'The call; the same for all limits it counts for.';
comment on column howdah_private.limited_calls.ended_at is 'Null while it is in the air; the end of its run at work ends it too.';

alter table howdah_private.parked_runs
  add column call_limit_id uuid,
  drop constraint a_run_is_parked_at_a_limit_or_at_a_quota,
  add constraint a_run_is_parked_at_a_limit_or_at_a_quota
    check (num_nonnulls(concurrency_limit_id, call_limit_id, quota_id) = 1);
create index parked_runs_call_limit_id_idx
  on howdah_private.parked_runs (call_limit_id, priority, due_at, execution_id) where call_limit_id is not null;
comment on column howdah_private.parked_runs.call_limit_id is 'The limit that let no other call begin.';

-- Down Migration
-- without policies, which go first on the way down, an owner sees rows only where they are not forced
alter table howdah_private.parked_runs no force row level security;
delete from howdah_private.parked_runs where call_limit_id is not null; -- their runs are found and woken within a minute
drop index howdah_private.parked_runs_call_limit_id_idx;
alter table howdah_private.parked_runs
  drop constraint a_run_is_parked_at_a_limit_or_at_a_quota,
  drop column call_limit_id,
  add constraint a_run_is_parked_at_a_limit_or_at_a_quota check (num_nonnulls(concurrency_limit_id, quota_id) = 1);
alter table howdah_private.parked_runs force row level security;
drop table howdah_private.limited_calls;
drop table howdah.call_limits;
