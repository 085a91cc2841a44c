-- Up Migration
-- What is counted at each look of a monitoring system has an index that holds nothing else.
create index questions_open_idx on howdah.questions (tenant_id, kind) where status = 'open';
create index webhook_deliveries_open_idx on howdah.webhook_deliveries (tenant_id, status) where status <> 'delivered';

-- Runs that end without a worker are told to traces by whoever has this row.
alter table howdah_private.chores add column reached_at timestamptz;
comment on column howdah_private.chores.reached_at is 'Of a chore that goes through time: how far it has come.';
alter table howdah_private.chores no force row level security;
insert into howdah_private.chores (name) values ('traces'), ('alerts');
alter table howdah_private.chores force row level security;

-- Alert rules: queries that should find nothing, asked from time to time; whoever has to know is told when that changes.
create type howdah.alert_state as enum ('unknown', 'clear', 'firing', 'failed');
comment on type howdah.alert_state is 'Not asked yet, nothing found, something found, or it could not be asked.';

create table howdah.alert_rules (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant() references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  query text,
  engine_check text,
  interval_seconds int not null default 60,
  webhook_id uuid,
  is_active boolean not null default true,
  state howdah.alert_state not null default 'unknown',
  found_rows int,
  sample jsonb,
  last_error text,
  last_at timestamptz,
  changed_at timestamptz,
  next_at timestamptz not null default now(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  foreign key (tenant_id, webhook_id) references howdah.webhooks (tenant_id, id) on delete set null (webhook_id),
  constraint interval_is_from_ten_seconds_to_a_day check (interval_seconds between 10 and 86400),
  constraint sample_is_a_list check (jsonb_typeof(sample) = 'array'),
  constraint query_is_not_empty check (query ~ '\S'),
  constraint engine_check_is_known check (engine_check in ('failed_deliveries', 'violations')),
  constraint a_rule_has_a_query_or_names_what_is_looked_at check (num_nonnulls(query, engine_check) = 1)
);
create index alert_rules_webhook_id_idx on howdah.alert_rules (tenant_id, webhook_id);
create index alert_rules_next_at_idx on howdah.alert_rules (next_at) where is_active;
alter table howdah.alert_rules enable row level security, force row level security;
comment on table howdah.alert_rules is
  'Queries that should find nothing, asked from time to time with the rights of the tenant; webhooks are told when that changes.';
comment on column howdah.alert_rules.query is
  'One SELECT that finds nothing when all is well; asked as a member of the tenant would, in a transaction that writes nothing.';
comment on column howdah.alert_rules.engine_check is
  'In place of a query, what no member may read: failed_deliveries of the tenant within a day, or violations, the broken promises of the engine in all tenants, which only owners of the database may ask for.';
comment on column howdah.alert_rules.webhook_id is 'Who is told; null: every webhook of the tenant that wants alert.firing, alert.resolved or alert.failed.';
comment on column howdah.alert_rules.found_rows is 'How many rows were found last, at most 100.';
comment on column howdah.alert_rules.sample is 'The first ten of them.';
comment on column howdah.alert_rules.last_error is 'Why it could not be asked.';
comment on column howdah.alert_rules.last_at is 'When it was asked last.';
comment on column howdah.alert_rules.changed_at is 'Since when the state is what it is.';
comment on column howdah.alert_rules.next_at is 'When it is asked next.';

-- What is told of a rule is about no run.
alter table howdah.webhooks drop constraint events_are_known;
alter table howdah.webhooks add constraint events_are_known check (
  cardinality(events) > 0
  and events <@ array['execution.completed', 'execution.failed', 'execution.cancelled', 'question.opened',
    'alert.firing', 'alert.resolved', 'alert.failed']);
alter table howdah.webhook_deliveries
  alter column execution_id drop not null,
  add column alert_rule_id uuid,
  add foreign key (tenant_id, alert_rule_id) references howdah.alert_rules (tenant_id, id) on delete cascade,
  add constraint a_delivery_is_about_a_run_or_an_alert check (num_nonnulls(execution_id, alert_rule_id) = 1);
create index webhook_deliveries_alert_rule_id_idx on howdah.webhook_deliveries (tenant_id, alert_rule_id) where alert_rule_id is not null;
comment on column howdah.webhook_deliveries.execution_id is 'The run it tells of; null when it is about an alert.';
comment on column howdah.webhook_deliveries.alert_rule_id is 'The alert rule it tells of.';

-- Down Migration
alter table howdah.webhook_deliveries no force row level security;
delete from howdah.webhook_deliveries where alert_rule_id is not null;
alter table howdah.webhook_deliveries force row level security;
alter table howdah.webhook_deliveries
  drop constraint a_delivery_is_about_a_run_or_an_alert, drop column alert_rule_id, alter column execution_id set not null;
alter table howdah.webhooks drop constraint events_are_known;
alter table howdah.webhooks no force row level security;
update howdah.webhooks set events = array_remove(array_remove(array_remove(events, 'alert.firing'), 'alert.resolved'), 'alert.failed');
delete from howdah.webhooks where cardinality(events) = 0;
alter table howdah.webhooks force row level security;
alter table howdah.webhooks add constraint events_are_known check (
  cardinality(events) > 0
  and events <@ array['execution.completed', 'execution.failed', 'execution.cancelled', 'question.opened']);
drop table howdah.alert_rules cascade;
drop type howdah.alert_state cascade;
alter table howdah_private.chores no force row level security;
delete from howdah_private.chores where name in ('traces', 'alerts');
alter table howdah_private.chores force row level security;
alter table howdah_private.chores drop column reached_at;
drop index howdah.webhook_deliveries_open_idx;
drop index howdah.questions_open_idx;
