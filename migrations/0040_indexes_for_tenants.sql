-- Up Migration
-- Indexes that tenants can use. A comparison of an enum is not leakproof: under row security it is
-- no condition of an index, and the planner may not even use its statistics. A null test is
-- leakproof. Lists of runs therefore say `completed_at is null` and `error is not null` as well.
create index executions_open_idx on howdah.executions (tenant_id, id) where completed_at is null;
create index executions_failed_idx on howdah.executions (tenant_id, id) where error is not null;
-- The runs of a user, newest first.
create index executions_user_idx
  on howdah.executions (tenant_id, user_id, id) where user_id is not null;
drop index howdah.executions_user_id_idx;
-- run_tags is searched in its place.
drop index howdah.executions_metadata_idx;

-- Down Migration
create index executions_metadata_idx on howdah.executions using gin (metadata jsonb_path_ops);
create index executions_user_id_idx
  on howdah.executions (tenant_id, user_id) where user_id is not null;
drop index howdah.executions_open_idx, howdah.executions_failed_idx, howdah.executions_user_idx;
