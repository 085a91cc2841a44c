-- Up Migration
-- Evaluations of runs that users started (howdah.evaluate_runs). Their results have no item.
alter table howdah.evaluations
  add column since_at timestamptz,
  add column until_at timestamptz;
alter table howdah.evaluation_results alter column item_id drop not null;
create unique index evaluation_results_run_key
  on howdah.evaluation_results (execution_id) where item_id is null;
comment on table howdah.evaluations is
  'Evaluations of agents and workflows on data sets (howdah.evaluate), whose runs are executions '
  'with metadata.evaluation_id, or on runs that exist (howdah.evaluate_runs).';
comment on column howdah.evaluations.items is 'Number of items, or of runs that exist.';
comment on column howdah.evaluations.items_digest is
  'MD5 of the ids of the items or runs. Equal for evaluations of the same items.';
comment on column howdah.evaluations.since_at is
  'Runs that were created since this time are graded; null: those of the items.';
comment on column howdah.evaluations.until_at is
  'Runs that were created before this time are graded; null: those of the items.';
comment on column howdah.evaluation_results.item_id is
  'The item; null for a run that was not started for an item (howdah.evaluate_runs).';

-- Down Migration
-- Row-level security applies to the owner as well.
alter table howdah.evaluations no force row level security;
alter table howdah_private.due_grades no force row level security;
delete from howdah_private.due_grades where evaluation_id in (
  select id from howdah.evaluations where since_at is not null);
alter table howdah_private.due_grades force row level security;
delete from howdah.evaluations where since_at is not null;
alter table howdah.evaluations force row level security;
drop index howdah.evaluation_results_run_key;
alter table howdah.evaluation_results alter column item_id set not null;
alter table howdah.evaluations drop column since_at, drop column until_at;
comment on table howdah.evaluations is
  'Evaluations of agents and workflows on data sets (howdah.evaluate). Their runs are executions '
  'with metadata.evaluation_id.';
comment on column howdah.evaluations.items is 'Number of items.';
comment on column howdah.evaluations.items_digest is
  'MD5 of the ids of the items. Equal for evaluations of the same items.';
comment on column howdah.evaluation_results.item_id is 'The item.';
