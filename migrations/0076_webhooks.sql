-- Up Migration
-- Who is told over HTTP when something happened to a run. Delivered at least once, by whichever worker is there.
create type howdah.delivery_status as enum ('pending', 'delivered', 'failed');
comment on type howdah.delivery_status is 'On its way (or to be tried again), received, or given up.';

create table howdah.webhooks (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  url text not null,
  events text[] not null default array['execution.completed', 'execution.failed'],
  description text not null default '',
  agent_id uuid,
  workflow_id uuid,
  secret_name text,
  previous_secret_name text,
  is_active boolean not null default true,
  disabled_because text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id) references howdah.workflows (tenant_id, id) on delete cascade,
  constraint url_is_http check (url ~* '^https?://[^/@?#\s]+([/?#]\S*)?$' and length(url) <= 2000),
  constraint events_are_known check (
    cardinality(events) > 0
    and events <@ array['execution.completed', 'execution.failed', 'execution.cancelled', 'question.opened']),
  constraint an_active_webhook_is_not_disabled check (not is_active or disabled_because is null)
);
create index webhooks_agent_id_idx on howdah.webhooks (tenant_id, agent_id);
create index webhooks_workflow_id_idx on howdah.webhooks (tenant_id, workflow_id);
alter table howdah.webhooks enable row level security, force row level security;
comment on table howdah.webhooks is 'Who is told over HTTP what happened to runs, signed as Standard Webhooks says.';
comment on column howdah.webhooks.events is
  'execution.completed, execution.failed, execution.cancelled (of runs that are nobody''s children), question.opened.';
comment on column howdah.webhooks.agent_id is 'Only runs of this agent; null: of all.';
comment on column howdah.webhooks.workflow_id is 'Only runs of this workflow; null: of all.';
comment on column howdah.webhooks.secret_name is
  'The secret (whsec_ and Base64) deliveries are signed with; null: they are not signed.';
comment on column howdah.webhooks.previous_secret_name is
  'Signs as well while the receiver changes over: it accepts either signature.';
comment on column howdah.webhooks.disabled_because is 'Why it was switched off by itself; cleared when it is switched on.';

create table howdah.webhook_deliveries (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  webhook_id uuid,
  execution_id uuid not null,
  event text not null,
  url text not null,
  payload jsonb not null,
  status howdah.delivery_status not null default 'pending',
  attempts smallint not null default 0,
  next_attempt_at timestamptz,
  last_attempt_at timestamptz,
  last_status smallint,
  last_error text,
  delivered_at timestamptz,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  foreign key (tenant_id, webhook_id) references howdah.webhooks (tenant_id, id) on delete cascade,
  constraint payload_is_an_object check (jsonb_typeof(payload) = 'object'),
  constraint pending_deliveries_have_a_next_time check ((status = 'pending') = (next_attempt_at is not null)),
  constraint delivered_ones_have_a_time check ((status = 'delivered') = (delivered_at is not null))
);
create index webhook_deliveries_webhook_id_idx on howdah.webhook_deliveries (tenant_id, webhook_id, id);
create index webhook_deliveries_execution_id_idx on howdah.webhook_deliveries (execution_id, tenant_id);
alter table howdah.webhook_deliveries enable row level security, force row level security;
comment on table howdah.webhook_deliveries is
  'What was to be told to whom, how often it was tried and what came of it; howdah.redeliver tries again.';
comment on column howdah.webhook_deliveries.id is 'Sent as webhook-id: the same in every attempt, so that who receives it twice knows.';
comment on column howdah.webhook_deliveries.webhook_id is 'Null for the callback_url of a run.';
comment on column howdah.webhook_deliveries.payload is 'The body, the same in every attempt.';
comment on column howdah.webhook_deliveries.next_attempt_at is 'When it is tried next; null when it is over.';
comment on column howdah.webhook_deliveries.last_status is 'What HTTP status the last attempt got; null when there was no answer.';
comment on column howdah.webhook_deliveries.last_error is 'Why the last attempt did not count as received.';

alter table howdah.executions add column callback_url text;
comment on column howdah.executions.callback_url is
  'Is told the end of this run, and the questions below it, as a webhook is; signed with the secret `callbacks`, if there is one.';

-- Down Migration
drop trigger if exists _860_deliver on howdah.executions;
alter table howdah.executions drop column callback_url;
drop table howdah.webhook_deliveries, howdah.webhooks cascade;
drop type howdah.delivery_status;
