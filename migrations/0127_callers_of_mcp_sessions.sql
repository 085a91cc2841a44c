-- Up Migration
-- Whose a session is, so that one caller cannot use up the sessions of a whole tenant.
alter table howdah_private.mcp_sessions add column caller uuid;
comment on column howdah_private.mcp_sessions.caller is
  'The user, else the API key, that asked first; null for a token of the tenant as a whole. Refers to nothing: the row is forgotten within days.';

-- Down Migration
alter table howdah_private.mcp_sessions drop column caller;
