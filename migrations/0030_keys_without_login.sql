-- Up Migration
-- Keys that a request without a login created. A server that requires a login refuses them. Keys of
-- earlier releases have no mark: the log cannot tell such a request from a token without a user.
alter table howdah.api_keys add column made_without_login boolean not null default false;
comment on column howdah.api_keys.made_without_login is
  'True if a request without a login created the key, or such a key did. A server that requires a '
  'login refuses the key.';

-- Down Migration
alter table howdah.api_keys drop column made_without_login;
