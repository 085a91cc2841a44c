-- Up Migration
-- Questions are asked for by their status, over GraphQL too, where only indexed columns filter. Serves the open ones of
-- a tenant as well as the index before.
create index questions_status_idx on howdah.questions (tenant_id, status, id);
drop index howdah.questions_open_idx;

-- Down Migration
create index questions_open_idx on howdah.questions (tenant_id, id) where status = 'open';
drop index howdah.questions_status_idx;
