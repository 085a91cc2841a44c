-- Up Migration
-- The forks of a run, newest first. Few runs are forks, so other inserts pay nothing.
create index executions_forked_from_idx
  on howdah.executions (tenant_id, forked_from_execution_id, id)
  where forked_from_execution_id is not null;

-- Down Migration
drop index howdah.executions_forked_from_idx;
