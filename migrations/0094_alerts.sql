-- Up Migration
-- What howdah.alerts looks for, and from where on it says so: rows, so that an operator sets them by UPDATE.
create type howdah.alert_severity as enum ('warning', 'critical');
comment on type howdah.alert_severity is 'Look at it today, or now.';

create table howdah_private.alert_limits (
  name text primary key,
  severity howdah.alert_severity not null,
  threshold numeric not null,
  unit text not null,
  is_active boolean not null default true,
  description text not null,
  constraint name_is_a_word check (name ~ '^[a-z_]{1,40}$'),
  constraint threshold_is_zero_or_more check (threshold >= 0 and threshold <> 'NaN')
);
alter table howdah_private.alert_limits enable row level security;
comment on table howdah_private.alert_limits is
  'What howdah.alerts looks for, and from where on: an owner changes threshold, severity and is_active by UPDATE.';
comment on column howdah_private.alert_limits.threshold is 'From where on it is told, in its unit.';
comment on column howdah_private.alert_limits.is_active is 'Whether it is told at all.';
insert into howdah_private.alert_limits (name, severity, threshold, unit, description) values
  ('queue_stuck', 'critical', 300, 'seconds', 'Runs are due for so long and nobody has taken them up.'),
  ('no_worker', 'critical', 30, 'seconds', 'Runs are due for so long and no worker is alive.'),
  ('leases_expired', 'critical', 60, 'seconds', 'Runs are held by a worker that was not heard of for so long, and nobody has taken them over.'),
  ('jobs_given_up', 'warning', 60, 'seconds', 'Jobs have used all their attempts, and nobody has looked after them for so long.'),
  ('deliveries_failed', 'warning', 86400, 'seconds', 'Deliveries of webhooks were given up within so long.'),
  ('write_backs_failing', 'warning', 86400, 'seconds', 'Answers of runs begun within so long could not be written into the watched row.'),
  ('mcp_server_down', 'warning', 300, 'seconds', 'An active MCP server cannot be reached for so long.'),
  ('schedules_late', 'warning', 120, 'seconds', 'A schedule should have begun its run so long ago.'),
  ('quota_nearly_used', 'warning', 90, 'percent', 'So much of a quota is used in its period of now.'),
  ('promises_broken', 'critical', 0, 'rows', 'howdah.violations is not empty.'),
  ('partitions_missing', 'critical', 45, 'days', 'A month that begins within so long has no partition.'),
  ('audit_checkpoint_stale', 'warning', 1800, 'seconds', 'What was written to an audit log so long ago has no checkpoint.'),
  ('connections_near_max', 'critical', 85, 'percent', 'So much of the connections the server allows is taken.'),
  ('transaction_ids_old', 'critical', 500000000, 'transactions', 'The oldest row that is not frozen is so old.'),
  ('vacuum_behind', 'warning', 50, 'percent', 'So many dead rows for each hundred live ones lie in a table, and ten thousand at least.'),
  ('transaction_long', 'warning', 900, 'seconds', 'A transaction is open for so long and keeps vacuum from removing what died since.');
alter table howdah_private.alert_limits force row level security;

-- An owner may have all of them told to a webhook.
alter table howdah.alert_rules drop constraint engine_check_is_known;
alter table howdah.alert_rules add constraint engine_check_is_known
  check (engine_check in ('failed_deliveries', 'violations', 'alerts'));
comment on column howdah.alert_rules.engine_check is
  'In place of a query, what no member may read: failed_deliveries of the tenant within a day; or, for owners of the database alone, violations, the broken promises of the engine in all tenants, or alerts, what howdah.alerts has besides.';

-- Down Migration
alter table howdah.alert_rules no force row level security;
delete from howdah.alert_rules where engine_check = 'alerts';
alter table howdah.alert_rules force row level security;
alter table howdah.alert_rules drop constraint engine_check_is_known;
alter table howdah.alert_rules add constraint engine_check_is_known check (engine_check in ('failed_deliveries', 'violations'));
comment on column howdah.alert_rules.engine_check is
  'In place of a query, what no member may read: failed_deliveries of the tenant within a day, or violations, the broken promises of the engine in all tenants, which only owners of the database may ask for.';
drop table howdah_private.alert_limits cascade;
drop type howdah.alert_severity cascade;
