-- Up Migration
-- Adds inbound hooks: addresses that other programs call to start runs with signed requests, and
-- the deliveries that arrived there.

create type howdah.hook_verification as enum (
  'standard_webhooks', 'github', 'stripe', 'slack', 'shared_secret');
comment on type howdah.hook_verification is
  'How a request to an inbound hook is verified: by the signature of a format, or by a secret.';

create type howdah.inbound_status as enum ('accepted', 'ignored', 'failed', 'refused');
comment on type howdah.inbound_status is
  'Result of a request to an inbound hook: accepted (has a run), ignored (needs none), failed '
  '(could not begin a run), refused (not verified).';

create table howdah.inbound_hooks (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  verification howdah.hook_verification not null,
  secret_name text not null,
  previous_secret_name text,
  secret_header text,
  agent_id uuid,
  workflow_id uuid,
  condition text,
  mapping jsonb not null default '{}',
  session_key text,
  debounce_key text,
  debounce_ms int,
  reply jsonb,
  user_id uuid,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, agent_id) references howdah.agents (tenant_id, id) on delete cascade,
  foreign key (tenant_id, workflow_id)
    references howdah.workflows (tenant_id, id) on delete cascade,
  foreign key (tenant_id, user_id)
    references howdah.users (tenant_id, id) on delete set null (user_id),
  constraint name_is_part_of_a_path check (name ~ '^[a-z0-9][a-z0-9_-]{0,62}$'),
  constraint secret_header_is_a_header
    check (secret_header is null
      or (secret_header ~ '^[A-Za-z0-9-]{1,100}$' and verification = 'shared_secret')),
  constraint mapping_is_an_object check (jsonb_typeof(mapping) = 'object'),
  constraint reply_is_an_object check (jsonb_typeof(reply) = 'object'),
  constraint debounce_ms_is_positive check (debounce_ms > 0),
  constraint a_debounce_key_has_a_window
    check ((debounce_key is null) = (debounce_ms is null)),
  constraint messages_of_a_session_are_not_debounced
    check (session_key is null or debounce_key is null),
  constraint a_hook_is_for_an_agent_or_a_workflow check (num_nonnulls(agent_id, workflow_id) = 1)
);
create index inbound_hooks_agent_id_idx on howdah.inbound_hooks (tenant_id, agent_id);
create index inbound_hooks_workflow_id_idx on howdah.inbound_hooks (tenant_id, workflow_id);
create index inbound_hooks_user_id_idx on howdah.inbound_hooks (tenant_id, user_id);
alter table howdah.inbound_hooks enable row level security, force row level security;
comment on table howdah.inbound_hooks is
  'Inbound hooks: addresses at which other programs begin runs. A request to POST '
  '/hooks/TENANT/NAME needs no login, only the signature or secret of the hook.';
comment on column howdah.inbound_hooks.name is
  'Name of the hook, the last part of its path: lower-case letters, digits, _ and -.';
comment on column howdah.inbound_hooks.verification is
  'standard_webhooks, github, stripe, slack: the signature in the headers of that sender. '
  'shared_secret: the secret itself in a header.';
comment on column howdah.inbound_hooks.secret_name is
  'Secret that requests are signed with, or that they contain.';
comment on column howdah.inbound_hooks.previous_secret_name is
  'Second secret that is accepted during a rotation.';
comment on column howdah.inbound_hooks.secret_header is
  'Header that contains a shared secret. Null means Authorization: Bearer.';
comment on column howdah.inbound_hooks.condition is
  'CEL expression over body and headers. A delivery for which it is false begins no run. Null '
  'accepts every delivery.';
comment on column howdah.inbound_hooks.mapping is
  'CEL expressions over body and headers, by name: agent (another agent or workflow, by name), '
  'input, input_data, metadata, concurrency_key, delivery_id. Without input, the input is the body '
  'as JSON.';
comment on column howdah.inbound_hooks.session_key is
  'CEL expression. Deliveries with the same value are messages of one session. Null or a blank '
  'value '
  'begins a run without a session.';
comment on column howdah.inbound_hooks.debounce_key is
  'CEL expression. Deliveries with one value within debounce_ms make one run, for the newest of '
  'them. Null or a blank value makes a run for each delivery.';
comment on column howdah.inbound_hooks.debounce_ms is
  'Length of the window of debounce_key, in milliseconds.';
comment on column howdah.inbound_hooks.reply is
  'Request that sends the answer of a run: {url, secret_name, body, field}. body is a CEL '
  'expression of an object, and the answer is added to it as field (text). Null sends none.';
comment on column howdah.inbound_hooks.user_id is
  'User that the runs act as: the one who last changed what the hook does. If null, the runs act '
  'for the tenant. A hook whose user is deleted is switched off.';
comment on column howdah.inbound_hooks.is_active is
  'False refuses every delivery, as if there were no such hook.';

create table howdah.inbound_deliveries (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  received_at timestamptz not null default clock_timestamp(),
  last_received_at timestamptz not null default clock_timestamp(),
  inbound_hook_id uuid not null,
  status howdah.inbound_status not null,
  requests int not null default 1,
  bytes int,
  execution_id uuid,
  delivery_id text,
  signature_sha256 bytea,
  reply jsonb,
  error jsonb,
  unique (tenant_id, id),
  foreign key (tenant_id, inbound_hook_id)
    references howdah.inbound_hooks (tenant_id, id) on delete cascade,
  constraint reply_is_an_object check (jsonb_typeof(reply) = 'object'),
  constraint error_is_an_object check (jsonb_typeof(error) = 'object'),
  constraint an_accepted_delivery_has_a_run
    check ((status = 'accepted') = (execution_id is not null)),
  constraint requests_are_counted_from_one check (requests >= 1)
);
create unique index inbound_deliveries_delivery_id_idx
  on howdah.inbound_deliveries (tenant_id, inbound_hook_id, delivery_id)
  where delivery_id is not null;
create unique index inbound_deliveries_signature_idx
  on howdah.inbound_deliveries (tenant_id, inbound_hook_id, signature_sha256)
  where signature_sha256 is not null;
-- One row for each reason and hour, so that refused requests cannot fill the disk.
create unique index inbound_deliveries_refused_idx
  on howdah.inbound_deliveries (
    tenant_id, inbound_hook_id, (error ->> 'code'),
    date_trunc('hour', received_at at time zone 'UTC'))
  where status = 'refused';
create index inbound_deliveries_hook_idx
  on howdah.inbound_deliveries (tenant_id, inbound_hook_id, id);
create index inbound_deliveries_execution_id_idx
  on howdah.inbound_deliveries (execution_id, tenant_id) where execution_id is not null;
create index inbound_deliveries_last_received_at_idx
  on howdah.inbound_deliveries (tenant_id, last_received_at);
create index inbound_deliveries_without_run_idx
  on howdah.inbound_deliveries (last_received_at) where status <> 'accepted';
alter table howdah.inbound_deliveries enable row level security, force row level security;
comment on table howdah.inbound_deliveries is
  'Requests to inbound hooks, with their results. Contains no secret and no whole body, but '
  'delivery_id, reply and error are made of the body. They are erased with the contents of the '
  'run. A repeated request finds its row and begins no second run.';
comment on column howdah.inbound_deliveries.received_at is
  'Time of the request; of refused requests, the time of the first one.';
comment on column howdah.inbound_deliveries.last_received_at is
  'Time of the last request that this row stands for.';
comment on column howdah.inbound_deliveries.inbound_hook_id is 'The hook.';
comment on column howdah.inbound_deliveries.requests is
  'Number of requests that this row stands for: the delivery and its repeats, or the requests of '
  'one hour that were refused for one reason.';
comment on column howdah.inbound_deliveries.bytes is 'Size of the body.';
comment on column howdah.inbound_deliveries.execution_id is
  'Run that the delivery began, or whose input it became. Null without one.';
comment on column howdah.inbound_deliveries.delivery_id is
  'Id that the sender gave the delivery. Null if it gave none.';
comment on column howdah.inbound_deliveries.signature_sha256 is
  'SHA-256 of the signature. Recognizes a request that is sent again under another id.';
comment on column howdah.inbound_deliveries.reply is
  'JSON object to which the answer of the run is added before it is sent. Null if no answer is '
  'sent.';
comment on column howdah.inbound_deliveries.error is
  'Why the delivery began no run: {code, message, hint}. Null if it began one.';

alter table howdah.webhook_deliveries add column inbound_hook_id uuid;
alter table howdah.webhook_deliveries add foreign key (tenant_id, inbound_hook_id)
  references howdah.inbound_hooks (tenant_id, id) on delete cascade;
create index webhook_deliveries_inbound_hook_id_idx
  on howdah.webhook_deliveries (tenant_id, inbound_hook_id) where inbound_hook_id is not null;
comment on column howdah.webhook_deliveries.inbound_hook_id is
  'Inbound hook whose reply this is. Null for events of webhooks.';

-- Down Migration
alter table howdah.webhook_deliveries drop column inbound_hook_id;
drop table howdah.inbound_deliveries;
drop table howdah.inbound_hooks;
drop type howdah.inbound_status;
drop type howdah.hook_verification;
