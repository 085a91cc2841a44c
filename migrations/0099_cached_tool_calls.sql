-- Up Migration
-- Calls of tools that the answer cache answered are counted beside the calls that were made.
alter table howdah.usage_durations add column cached_calls bigint not null default 0;
comment on column howdah.usage_durations.cached_calls is
  'Number of calls of the tool that the answer cache answered. They are no part of calls and of '
  'the histogram.';
comment on column howdah.usage_durations.calls is
  'Number of runs, answers or calls that were made.';

-- Down Migration
comment on column howdah.usage_durations.calls is 'Number of runs, answers or calls.';
alter table howdah.usage_durations drop column cached_calls;
