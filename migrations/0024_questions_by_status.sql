-- Up Migration
-- Questions are asked for by their status, over GraphQL too, where only indexed columns filter. Serves the open ones of
-- a tenant as well as the index before.
create index questions_status_idx on howdah.questions (tenant_id, status, id);
drop index howdah.questions_open_idx;
-- Most questions have no deadline: an index of all open ones is no help, and misleads the planner before it has counted.
drop index howdah.questions_expires_at_idx;
create index questions_expires_at_idx on howdah.questions (expires_at) where status = 'open' and expires_at is not null;

-- Down Migration
drop index howdah.questions_expires_at_idx;
create index questions_expires_at_idx on howdah.questions (expires_at) where status = 'open';
create index questions_open_idx on howdah.questions (tenant_id, id) where status = 'open';
drop index howdah.questions_status_idx;
