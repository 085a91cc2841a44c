-- Up Migration
alter table howdah.evaluations add column items_at timestamptz;
comment on column howdah.evaluations.items_at is
  'Time whose items of the data set are evaluated. Null: those of the start.';

-- Down Migration
alter table howdah.evaluations drop column items_at;
