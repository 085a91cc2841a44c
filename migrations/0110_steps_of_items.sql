-- Up Migration
alter table howdah.dataset_items add column source_seq int;
comment on column howdah.dataset_items.source_seq is
  'Number of the step in that run whose answer is expected, or was corrected. Null: the whole run.';
drop function if exists howdah.add_to_dataset(text, uuid, jsonb, text, jsonb, boolean);
drop function if exists howdah_private.item_of_run(uuid, jsonb, boolean);

-- Down Migration
drop function if exists howdah.add_to_dataset(text, uuid, jsonb, text, jsonb, boolean, int);
drop function if exists howdah_private.item_of_run(uuid, jsonb, int, boolean);
drop function if exists howdah_private.answer_of_step(uuid, int);
drop function if exists howdah_private.check_step_of_run(uuid, int, text);
alter table howdah.dataset_items drop column source_seq;
