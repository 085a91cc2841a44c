-- Up Migration
-- A retry asks whether what the run had done was taken back, for each run; without an index it would read all runs.
create index executions_compensates_idx on howdah.executions (compensates_execution_id)
  where compensates_execution_id is not null;

-- Down Migration
drop index howdah.executions_compensates_idx;
