-- Up Migration
-- Who ends a run, retries one or reads the ledger asks for the run that takes its effects back.
create index executions_compensates_idx on howdah.executions (compensates_execution_id)
  where compensates_execution_id is not null;

-- Down Migration
drop index if exists howdah.executions_compensates_idx;
