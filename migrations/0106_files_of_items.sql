-- Up Migration
alter table howdah.dataset_items
  add column input_parts jsonb,
  add constraint input_parts_are_a_list check (jsonb_typeof(input_parts) = 'array'),
  drop constraint item_has_an_input,
  add constraint item_has_an_input
    check (input <> '' or input_data is not null or input_parts is not null);
comment on column howdah.dataset_items.input_parts is
  'Images, audio and files of the input, as OpenAI content parts or {"type": "resource", '
  '"resource_id": …}.';
comment on constraint input_parts_are_a_list on howdah.dataset_items is
  'Write input_parts as a JSON array of parts, such as [{"type": "text", "text": "…"}].';
comment on constraint item_has_an_input on howdah.dataset_items is
  'Give the item an input, input_data or input_parts.';

-- Down Migration
alter table howdah.dataset_items no force row level security;
update howdah.dataset_items set input = '[files]' where input = '' and input_data is null;
alter table howdah.dataset_items force row level security;
alter table howdah.dataset_items
  drop constraint item_has_an_input,
  drop column input_parts,
  add constraint item_has_an_input check (input <> '' or input_data is not null);
comment on constraint item_has_an_input on howdah.dataset_items is
  'Give the item an input, input_data or both.';
