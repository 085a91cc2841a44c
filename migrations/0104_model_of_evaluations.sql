-- Up Migration
alter table howdah.evaluations
  add column model text generated always as (overrides ->> 'model') stored;
comment on column howdah.evaluations.model is
  'The model that the runs use, from overrides; null if each agent uses its own.';

-- Down Migration
drop function if exists howdah_private.insert_evaluation_row(howdah.evaluations);
alter table howdah.evaluations drop column model;
