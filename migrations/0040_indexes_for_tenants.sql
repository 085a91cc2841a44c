-- Up Migration
-- Indexes that tenants can use for the status of runs. A comparison of an enum is not leakproof, so
-- under row security it is never a condition of an index. As the predicate of an index it serves,
-- since Postgres proves the predicate from the query and compares nothing.
create index executions_open_idx
  on howdah.executions (tenant_id, id) where status in ('queued', 'running', 'waiting', 'paused');
create index executions_failed_idx
  on howdah.executions (tenant_id, id) where status = 'failed';
create index executions_cancelled_idx
  on howdah.executions (tenant_id, id) where status = 'cancelled';
-- The runs of a user, newest first.
create index executions_user_id_id_idx
  on howdah.executions (tenant_id, user_id, id) where user_id is not null;
drop index howdah.executions_user_id_idx;
-- run_tags is searched in its place.
drop index howdah.executions_metadata_idx;

-- Down Migration
create index executions_metadata_idx on howdah.executions using gin (metadata jsonb_path_ops);
create index executions_user_id_idx
  on howdah.executions (tenant_id, user_id) where user_id is not null;
drop index howdah.executions_open_idx, howdah.executions_failed_idx,
  howdah.executions_cancelled_idx, howdah.executions_user_id_id_idx;
