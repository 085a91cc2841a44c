-- Up Migration
alter table howdah.dataset_items
  add column history jsonb,
  add constraint history_is_a_list check (jsonb_typeof(history) = 'array');
comment on column howdah.dataset_items.history is
  'The conversation before the input, as history of executions: [{"role": "user", "content": "…"}, '
  '…].';
comment on constraint history_is_a_list on howdah.dataset_items is
  'Write history as a JSON array of messages, such as [{"role": "user", "content": "…"}].';
drop function if exists howdah.add_to_dataset(text, uuid, jsonb, text, jsonb);
drop function if exists howdah_private.judge_prompt(jsonb, howdah.dataset_items, jsonb);

-- Down Migration
drop function if exists howdah.add_to_dataset(text, uuid, jsonb, text, jsonb, boolean);
drop function if exists howdah_private.judge_prompt(jsonb, howdah.dataset_items, jsonb, jsonb);
alter table howdah.dataset_items drop column history;
