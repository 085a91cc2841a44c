-- Up Migration
-- Row-level security applies to the owner as well, and its policies are applied after migrations.
alter table howdah_private.alert_limits no force row level security;
insert into howdah_private.alert_limits (name, severity, threshold, unit, description) values
  ('notifications_unread', 'critical', 5, 'percent',
    'Used part of the queue of notifications, which a transaction that listens and stays open '
    'keeps from being emptied. No run starts when it is full.');
alter table howdah_private.alert_limits force row level security;

-- Down Migration
alter table howdah_private.alert_limits no force row level security;
delete from howdah_private.alert_limits where name = 'notifications_unread';
alter table howdah_private.alert_limits force row level security;
