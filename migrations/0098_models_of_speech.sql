-- Up Migration
-- Servers that hear or speak live are reached by a socket.
alter table howdah.models
  drop constraint base_url_is_http,
  add constraint base_url_is_http check (base_url ~* '^(http|ws)s?://[^/@?#\s]+([/?#]\S*)?$'),
  add constraint a_socket_is_for_speech check (base_url !~* '^ws' or purpose in ('tts', 'stt'));

-- Down Migration
-- The host stays what it was; only the scheme is one that the older rule knows.
alter table howdah.models no force row level security;
update howdah.models set base_url = regexp_replace(base_url, '^ws', 'http', 'i') where base_url ~* '^ws';
alter table howdah.models force row level security;
alter table howdah.models
  drop constraint a_socket_is_for_speech,
  drop constraint base_url_is_http,
  add constraint base_url_is_http check (base_url ~* '^https?://[^/@?#\s]+([/?#]\S*)?$');
