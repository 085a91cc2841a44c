-- Up Migration
-- OAuth: the APIs and MCP servers that agents use with an account of the tenant or of its users,
-- and the accounts that people connected. Tokens stand encrypted in a private table.
create type howdah.account_scope as enum ('tenant', 'user');
comment on type howdah.account_scope is
  'Owner of the accounts of an integration: the tenant, or each user.';
create type howdah.oauth_grant as enum ('authorization_code', 'client_credentials');
comment on type howdah.oauth_grant is
  'Way to get a token: a person consents on a page, or the client itself is entitled.';
create type howdah.account_status as enum ('pending', 'connected', 'expired', 'revoked', 'failed');
comment on type howdah.account_status is
  'State of a connected account. Only a connected account has a token.';

create table howdah.integrations (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  name text not null,
  description text not null default '',
  resource_url text not null,
  account_scope howdah.account_scope not null default 'user',
  grant_type howdah.oauth_grant not null default 'authorization_code',
  scopes text[] not null default '{}',
  issuer text,
  endpoints jsonb,
  client_id text,
  secret_name text,
  sends_resource boolean not null default true,
  is_active boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (tenant_id, name),
  constraint name_is_a_short_word check (name ~ '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$'),
  constraint resource_url_is_http
    check (resource_url ~* '^https?://[^/?#\s@]+(/[^?#\s]*)?(\?[^#\s]*)?$'),
  constraint issuer_is_http check (issuer ~* '^https?://[^/?#\s@]+(/[^?#\s]*)?$'),
  constraint endpoints_are_an_object check (jsonb_typeof(endpoints) = 'object'),
  constraint endpoints_have_an_issuer check (endpoints is null or issuer is not null),
  constraint a_client_secret_has_a_client check (secret_name is null or client_id is not null),
  constraint client_credentials_have_a_client check (
    grant_type <> 'client_credentials'
    or (client_id is not null and secret_name is not null)),
  constraint client_credentials_are_of_the_tenant check (
    grant_type <> 'client_credentials' or account_scope = 'tenant'),
  constraint scopes_are_words check (
    array_to_string(scopes, ' ', ' ') ~ '^([!#-\[\]-~]+( [!#-\[\]-~]+)*)?$')
);
alter table howdah.integrations enable row level security, force row level security;
comment on table howdah.integrations is
  'APIs and MCP servers that agents use with OAuth, written by admins. The configuration of an MCP '
  'server or of an HTTP tool names one.';
comment on column howdah.integrations.name is
  'Name by which MCP servers and HTTP tools refer to the integration.';
comment on column howdah.integrations.resource_url is
  'URL of the MCP server or API. Tokens are sent only to its scheme, host and port.';
comment on column howdah.integrations.account_scope is
  'Owner of the accounts. tenant: one account, which an admin connects, serves all runs. user: '
  'each run uses the account of its user.';
comment on column howdah.integrations.grant_type is
  'authorization_code: a person consents in a browser. client_credentials: client_id and the '
  'secret are the account of the tenant.';
comment on column howdah.integrations.scopes is
  'Scopes to ask for. If empty, the scopes that the server names are asked for.';
comment on column howdah.integrations.issuer is
  'Authorization server. Null takes the server that the resource names (RFC 9728).';
comment on column howdah.integrations.endpoints is
  'URLs of an authorization server without metadata: {"authorization_endpoint", "token_endpoint", '
  '"revocation_endpoint"}. Null discovers them (RFC 8414, OpenID Connect).';
comment on column howdah.integrations.client_id is
  'Client that was registered by hand. Null registers one at the server (RFC 7591).';
comment on column howdah.integrations.secret_name is 'Name of the stored secret that holds the '
  'client secret.';
comment on column howdah.integrations.sends_resource is
  'True sends the resource to the authorization server, so that tokens are for it alone '
  '(RFC 8707). False is for servers that refuse the parameter.';

create table howdah.connected_accounts (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null default howdah.current_tenant()
    references howdah.tenants (id) on delete cascade,
  integration_id uuid not null,
  user_id uuid,
  status howdah.account_status not null default 'pending',
  scopes text[] not null default '{}',
  expires_at timestamptz,
  connected_at timestamptz,
  refreshed_at timestamptz,
  error text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, id),
  constraint a_user_has_one_account_of_an_integration
    unique nulls not distinct (tenant_id, integration_id, user_id),
  foreign key (tenant_id, integration_id)
    references howdah.integrations (tenant_id, id) on delete cascade,
  foreign key (tenant_id, user_id) references howdah.users (tenant_id, id) on delete cascade
);
create index connected_accounts_user_id_idx on howdah.connected_accounts (tenant_id, user_id);
alter table howdah.connected_accounts enable row level security, force row level security;
comment on table howdah.connected_accounts is
  'Accounts that people connected for runs, without their tokens. Users see their own accounts and '
  'that of the tenant, admins see all.';
comment on column howdah.connected_accounts.integration_id is
  'Integration that the account is for.';
comment on column howdah.connected_accounts.user_id is
  'User whose runs use the account. Null for the account of the tenant.';
comment on column howdah.connected_accounts.status is
  'pending: nobody has consented yet. connected: runs can use it. expired: the server no longer '
  'accepts it. revoked: it was disconnected. failed: the last attempt to connect failed.';
comment on column howdah.connected_accounts.scopes is 'Scopes that the server granted.';
comment on column howdah.connected_accounts.expires_at is
  'Time at which the current access token expires. A job replaces the token before then. Null if '
  'it does not expire.';
comment on column howdah.connected_accounts.connected_at is 'Time of the last consent.';
comment on column howdah.connected_accounts.refreshed_at is 'Time of the last new access token.';
comment on column howdah.connected_accounts.error is
  'Reason why the account is not connected, or why the last refresh failed.';

create table howdah_private.account_links (
  digest bytea primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  account_id uuid not null,
  expires_at timestamptz not null,
  foreign key (tenant_id, account_id)
    references howdah.connected_accounts (tenant_id, id) on delete cascade
);
create index account_links_account_id_idx
  on howdah_private.account_links (tenant_id, account_id);
alter table howdah_private.account_links enable row level security, force row level security;
comment on table howdah_private.account_links is
  'Links by which a person connects an account, as SHA-256 of their last part.';

create table howdah_private.account_flows (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  account_id uuid not null,
  state_digest bytea not null unique,
  browser_digest bytea not null,
  expires_at timestamptz not null,
  taken_at timestamptz,
  unique (tenant_id, id),
  foreign key (tenant_id, account_id)
    references howdah.connected_accounts (tenant_id, id) on delete cascade
);
create index account_flows_account_id_idx
  on howdah_private.account_flows (tenant_id, account_id);
create index account_flows_expires_at_idx on howdah_private.account_flows (expires_at);
alter table howdah_private.account_flows enable row level security, force row level security;
comment on table howdah_private.account_flows is
  'Authorizations under way. The request that brings a state back takes its row, so that no state '
  'counts twice. The row is deleted with the storage of the tokens. If it is gone by then, the '
  'account was disconnected meanwhile.';

create sequence howdah_private.document_versions as bigint;
comment on sequence howdah_private.document_versions is
  'Versions of sealed documents. A version never counts twice, also not for a document that was '
  'deleted meanwhile.';

create table howdah_private.sealed_documents (
  integration_id uuid,
  account_id uuid,
  flow_id uuid,
  id uuid generated always as (coalesce(flow_id, account_id, integration_id)) stored primary key,
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  data_key_id uuid not null,
  version bigint not null,
  nonce bytea not null,
  ciphertext bytea not null,
  lock_ends_at timestamptz,
  unique (data_key_id, nonce),
  foreign key (tenant_id, integration_id)
    references howdah.integrations (tenant_id, id) on delete cascade,
  foreign key (tenant_id, account_id)
    references howdah.connected_accounts (tenant_id, id) on delete cascade,
  foreign key (tenant_id, flow_id)
    references howdah_private.account_flows (tenant_id, id) on delete cascade,
  foreign key (tenant_id, data_key_id)
    references howdah_private.data_keys (tenant_id, id) on delete restrict,
  constraint a_document_has_one_owner
    check (num_nonnulls(integration_id, account_id, flow_id) = 1),
  constraint nonce_has_96_bits check (octet_length(nonce) = 12)
);
create index sealed_documents_integration_id_idx
  on howdah_private.sealed_documents (tenant_id, integration_id);
create index sealed_documents_account_id_idx
  on howdah_private.sealed_documents (tenant_id, account_id);
create index sealed_documents_flow_id_idx
  on howdah_private.sealed_documents (tenant_id, flow_id);
create index sealed_documents_data_key_id_idx
  on howdah_private.sealed_documents (tenant_id, data_key_id);
alter table howdah_private.sealed_documents enable row level security, force row level security;
comment on table howdah_private.sealed_documents is
  'Encrypted documents of OAuth: the client registered for an integration, the tokens of an '
  'account, and the verifier of an authorization under way. Sealed like secrets, for one row and '
  'version.';

create table howdah_private.token_revocations (
  id uuid primary key default howdah.uuid_v7(),
  tenant_id uuid not null references howdah.tenants (id) on delete cascade,
  account_id uuid not null,
  integration jsonb not null,
  data_key_id uuid not null,
  version bigint not null,
  nonce bytea not null,
  ciphertext bytea not null,
  created_at timestamptz not null default now(),
  unique (tenant_id, id),
  unique (data_key_id, nonce),
  foreign key (tenant_id, data_key_id)
    references howdah_private.data_keys (tenant_id, id) on delete restrict,
  constraint nonce_has_96_bits check (octet_length(nonce) = 12),
  constraint integration_is_an_object check (jsonb_typeof(integration) = 'object')
);
create index token_revocations_data_key_id_idx
  on howdah_private.token_revocations (tenant_id, data_key_id);
alter table howdah_private.token_revocations enable row level security, force row level security;
comment on table howdah_private.token_revocations is
  'Tokens of accounts that came to an end, until their server was told to revoke them. A row '
  'outlives its account, its user and its integration.';

create table howdah_private.public_address (
  is_only boolean primary key default true,
  url text not null,
  updated_at timestamptz not null default now(),
  constraint there_is_one_address check (is_only)
);
alter table howdah_private.public_address enable row level security, force row level security;
comment on table howdah_private.public_address is
  'URL at which browsers reach the API, for links to connect accounts. The API writes it as it '
  'starts.';

-- Down Migration
drop table howdah_private.public_address;
drop table howdah_private.token_revocations;
drop table howdah_private.sealed_documents;
drop sequence howdah_private.document_versions;
drop table howdah_private.account_flows;
drop table howdah_private.account_links;
drop table howdah.connected_accounts;
drop table howdah.integrations;
drop type howdah.account_status;
drop type howdah.oauth_grant;
drop type howdah.account_scope;
