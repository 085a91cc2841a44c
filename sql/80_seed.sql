-- Rows that belong to the schema itself.
select howdah_private.ensure_partitions();

insert into howdah.status_transitions (from_status, to_status, cause) values
  ('queued', 'running', 'a worker claimed it'),
  ('queued', 'failed', 'it killed its workers'),
  ('queued', 'cancelled', 'cancel_execution'),
  ('running', 'completed', 'the agent answered'),
  ('running', 'failed', 'an error or a limit'),
  ('running', 'cancelled', 'cancel_execution'),
  ('running', 'waiting', 'it waits for a timer'),
  ('running', 'queued', 'its worker was drained or died'),
  ('waiting', 'queued', 'its turn has come'),
  ('waiting', 'running', 'its timer rang and a worker claimed it'),
  ('waiting', 'cancelled', 'cancel_execution')
on conflict (from_status, to_status) do update set cause = excluded.cause;

insert into howdah.tenants (slug, name) values ('default', 'Default') on conflict do nothing;
