-- Up Migration
-- The newest conversations of a user are read from the index, however many there are.
drop index howdah.sessions_user_id_idx;
create index sessions_user_id_idx on howdah.sessions (tenant_id, user_id, id);

-- Down Migration
drop index howdah.sessions_user_id_idx;
create index sessions_user_id_idx on howdah.sessions (tenant_id, user_id);
