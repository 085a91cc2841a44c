-- Up Migration
alter table howdah.dataset_items add column source_seq int;
comment on column howdah.dataset_items.source_seq is
  'Number of the step in that run whose answer is expected, or was corrected. Null: the whole run.';
alter table howdah.dataset_items add column source_user_ids uuid[];
comment on column howdah.dataset_items.source_user_ids is
  'Other users whose words the run may have read: of its session, and of sessions that it was '
  'forked from. The erasure of one of them deletes the item.';
create index dataset_items_source_user_ids_idx on howdah.dataset_items
  using gin (source_user_ids) where source_user_ids is not null;
drop function if exists howdah.add_to_dataset(text, uuid, jsonb, text, jsonb, boolean);
drop function if exists howdah_private.item_of_run(uuid, jsonb, boolean);

-- Down Migration
drop function if exists howdah.add_to_dataset(text, uuid, jsonb, text, jsonb, boolean, int);
drop function if exists howdah_private.item_of_run(uuid, jsonb, int, boolean);
drop function if exists howdah_private.answer_of_step(uuid, int);
drop function if exists howdah_private.check_step_of_run(uuid, int, text);
drop function if exists howdah_private.users_of_conversation(uuid);
drop function if exists howdah_private.judges_after(uuid);
drop function if exists howdah_private.items_of_user(howdah.users, uuid[]);
drop function if exists howdah_private.fault_of_conversation(howdah.executions);
alter table howdah.dataset_items drop column source_user_ids;
alter table howdah.dataset_items drop column source_seq;
