-- Up Migration
-- The patience of an agent with its models, in seconds.
alter table howdah.agents
  add column retry_for int,
  add constraint retry_for_is_at_most_a_month check (retry_for between 0 and 2592000);
comment on column howdah.agents.retry_for is
  'Seconds for which failed calls of the models are repeated when no fallback model is left. 0 '
  'repeats them a few times only. Null uses the setting retry_for, 600 by default.';

-- Down Migration
alter table howdah.agents
  drop constraint retry_for_is_at_most_a_month,
  drop column retry_for;
