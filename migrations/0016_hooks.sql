-- Up Migration
-- Rules and ledgers of the user's own, in SQL: functions that are called in the transaction that commits a step.
create type howdah.hook_event as enum (
  'before_run', 'after_setup', 'message_sent', 'tool_before', 'tool_after', 'execution_complete'
);
comment on type howdah.hook_event is 'When a hook is called: see docs/hooks.md.';

create table howdah.hooks (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  event howdah.hook_event not null,
  function text not null,
  agent_id uuid,
  position int not null default 1,
  timeout_ms int not null default 5000,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique nulls not distinct (tenant_id, event, function, agent_id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  constraint timeout_is_up_to_a_minute check (timeout_ms between 1 and 60000)
);
create index hooks_agent_id_idx on howdah.hooks (tenant_id, agent_id);
alter table howdah.hooks enable row level security, force row level security;
comment on table howdah.hooks is
  'Functions of this database that are called when a run does something: they may write, annotate and refuse. Written by owners.';
comment on constraint hooks_tenant_id_event_function_agent_id_key on howdah.hooks is
  E'@behavior -*\nA function is called once per event: a hook is named by its id.';
comment on column howdah.hooks.function is
  'Its name with schema, such as shop.check_refund; it takes one jsonb, the event, and gives jsonb or nothing.';
comment on column howdah.hooks.agent_id is 'The agent whose runs call it; null for all agents of the tenant.';
comment on column howdah.hooks.position is 'Hooks of one event are called in this order, smaller first.';
comment on column howdah.hooks.timeout_ms is 'Milliseconds one call may take; longer is a failure.';

alter table howdah.steps add column annotations jsonb;
alter table howdah.steps
  add constraint annotations_are_an_object check (jsonb_typeof(annotations) = 'object');
comment on column howdah.steps.annotations is 'What hooks noted about it.';

create table howdah_private.ended_runs (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  execution_id uuid not null,
  event jsonb not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint event_is_an_object check (jsonb_typeof(event) = 'object')
);
create index ended_runs_tenant_id_idx on howdah_private.ended_runs (tenant_id);
alter table howdah_private.ended_runs enable row level security, force row level security;
comment on table howdah_private.ended_runs is
  'Runs that were ended from outside and whose hooks of execution_complete are still to be called.';

-- Down Migration
drop table howdah_private.ended_runs;
alter table howdah.steps drop column annotations;
drop table howdah.hooks;
drop type howdah.hook_event;
