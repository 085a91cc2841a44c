-- Up Migration
-- What a call that wants leave would do, found out by calling it and undoing it, stands beside the question.
alter table howdah.questions add column preview jsonb,
  add constraint preview_is_an_object check (jsonb_typeof(preview) = 'object');
comment on column howdah.questions.preview is
  'What a call in SQL did when it was tried and undone: {result, tables: [{table, inserted, updated, deleted, rows: [{before, after}], …}], altered, new_each_time}.';

-- Down Migration
alter table howdah.questions drop column preview;
