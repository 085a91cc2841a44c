-- Up Migration
-- Servers that hear or speak live are reached by a socket.
alter table howdah.models
  drop constraint base_url_is_http,
  add constraint base_url_is_http check (
    base_url ~* '^https?://[^/@?#\s]+([/?#]\S*)?$'
    or purpose in ('tts', 'stt') and base_url ~* '^wss?://[^/@?#\s]+([/?#]\S*)?$'
  );

-- Down Migration
-- The host stays what it was; only the scheme is one that the older rule knows.
update howdah.models set base_url = regexp_replace(base_url, '^ws', 'http', 'i') where base_url ~* '^ws';
alter table howdah.models
  drop constraint base_url_is_http,
  add constraint base_url_is_http check (base_url ~* '^https?://[^/@?#\s]+([/?#]\S*)?$');
