-- Up Migration
-- it gains columns, and the others arguments
drop function if exists howdah.grader_agreement(uuid, float8);
drop function if exists howdah_private.fail_similarity(uuid, uuid, uuid, text, text, text, boolean);
drop function if exists howdah_private.begin_document_call(howdah.documents, uuid);

-- a call of a model may be one for vectors or a ranking
alter table howdah_private.limited_calls
  drop constraint a_call_is_of_a_run_or_a_document,
  add constraint a_call_is_of_one_run_or_document
    check (num_nonnulls(execution_id, document_id) <= 1);
comment on column howdah_private.limited_calls.document_id is
  'The document whose images are recognized; null for a call of a run, for vectors or a ranking.';

-- it counts answers of models, too
comment on column howdah.usage_durations.cached_calls is
  'Number of calls of the tool, or of answers of the model, that an answer cache answered. They are '
  'no part of calls and of the histogram.';

-- Down Migration
drop function if exists
  howdah_private.fail_similarity(uuid, uuid, uuid, text, text, text, boolean, int);
drop function if exists howdah_private.begin_model_call(uuid, uuid, uuid);
-- row-level security applies to the owner as well
alter table howdah_private.limited_calls no force row level security;
delete from howdah_private.limited_calls as c
where num_nulls(c.execution_id, c.document_id) = 2;
alter table howdah_private.limited_calls force row level security;
alter table howdah_private.limited_calls
  drop constraint a_call_is_of_one_run_or_document,
  add constraint a_call_is_of_a_run_or_a_document
    check (num_nonnulls(execution_id, document_id) = 1);
comment on column howdah_private.limited_calls.document_id is
  'The document whose images are recognized; null for a call of a run.';
comment on column howdah.usage_durations.cached_calls is
  'Number of calls of the tool that the answer cache answered. They are no part of calls and of '
  'the histogram.';
drop function if exists howdah.grader_agreement(uuid, float8);
