-- Up Migration
-- A hook that a tool wrote acts for the run of that tool, as a schedule does. An older worker needs
-- no such column.
alter table howdah.inbound_hooks add column written_by_execution_id uuid;
comment on column howdah.inbound_hooks.written_by_execution_id is
  'Run whose tool wrote the hook; started_by_execution_id of the runs of the hook.';
comment on column howdah.dataset_items.source_user_ids is
  'Other users whose words the run may have read: of its session, of sessions and runs that it was '
  'forked from, and those who answered its questions or sent it messages. The erasure of one of '
  'them deletes the item.';

-- Down Migration
comment on column howdah.dataset_items.source_user_ids is
  'Other users whose words the run may have read: of its session, and of sessions that it was '
  'forked from. The erasure of one of them deletes the item.';
alter table howdah.inbound_hooks drop column written_by_execution_id;
