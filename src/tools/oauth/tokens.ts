import {
  type AuthorizationServerMetadata,
  ClientCredentialsProvider,
  fetchToken,
  type OAuthTokens,
  refreshAuthorization,
} from '@modelcontextprotocol/client';
import type {
  AccountRows,
  DocumentSealer,
  Integration,
  StoredAccount,
  TokenPurpose,
} from '../../contracts/connected-account.ts';
import type { JsonObject } from '../../json/json.ts';
import { isConfidential } from '../../network/addresses.ts';
import { type ClientServices, type OAuthClient, ownClient } from './client.ts';
import { MAY_SUCCEED_LATER, OAuthRefusal } from './failures.ts';
import type { OAuthFetch } from './fetch.ts';
import { findServer } from './find-server.ts';

/**
 * The tokens of an account, and what is needed to refresh and revoke them. The endpoints are those
 * of the server where the person consented: metadata that changes later leads no token elsewhere.
 */
export type TokenDocument = {
  access_token: string;
  refresh_token?: string;
  expires_at: string | null;
  scopes: string[];
  server: ServerFacts;
  /** The client. Its secret is left out if the integration names one. */
  client: OAuthClient;
  resource?: string;
};

/** The part of the metadata of a server that is kept. */
export type ServerFacts = Pick<
  AuthorizationServerMetadata,
  'issuer' | 'authorization_endpoint' | 'token_endpoint' | 'response_types_supported'
> & {
  revocation_endpoint?: string;
  token_endpoint_auth_methods_supported?: string[];
  authorization_response_iss_parameter_supported?: boolean;
};

/** The life of a token whose server names none. A token that ends earlier is refused with 401. */
const UNKNOWN_LIFE = null;
/** Attempts to store tokens. Another process wins this often only if something is wrong. */
const ATTEMPTS = 10;

export function factsOf(metadata: AuthorizationServerMetadata): ServerFacts {
  const { issuer, authorization_endpoint, token_endpoint, response_types_supported } = metadata;
  const more = metadata as unknown as JsonObject;
  return {
    ...{ issuer, authorization_endpoint, token_endpoint, response_types_supported },
    ...(typeof more.revocation_endpoint === 'string' && {
      revocation_endpoint: more.revocation_endpoint,
    }),
    ...(metadata.token_endpoint_auth_methods_supported && {
      token_endpoint_auth_methods_supported: metadata.token_endpoint_auth_methods_supported,
    }),
    ...(more.authorization_response_iss_parameter_supported === true && {
      authorization_response_iss_parameter_supported: true,
    }),
  };
}

/** Makes the document of new tokens. Refuses tokens that are not sent as `Bearer`. */
export function documentOf(
  tokens: OAuthTokens,
  request: Pick<TokenDocument, 'server' | 'client' | 'resource' | 'scopes'>,
  { secret_name }: Integration,
): TokenDocument {
  if (tokens.token_type.toLowerCase() !== 'bearer') {
    throw new OAuthRefusal('the authorization server gives tokens that are not of type Bearer');
  }
  const { expires_in } = tokens;
  const { client_secret, ...client } = request.client;
  return {
    ...request,
    client: secret_name === null && client_secret ? { ...client, client_secret } : client,
    access_token: tokens.access_token,
    ...(tokens.refresh_token !== undefined && { refresh_token: tokens.refresh_token }),
    expires_at:
      typeof expires_in === 'number' && expires_in > 0
        ? new Date(Date.now() + expires_in * 1000).toISOString()
        : UNKNOWN_LIFE,
    scopes: tokens.scope?.split(' ').filter(Boolean) ?? request.scopes,
  };
}

/**
 * Seals and stores tokens. Returns false if they are for nothing any more, because the account was
 * disconnected, connected anew or led to another server meanwhile.
 */
export async function storeTokens(
  { id, tenant_id }: StoredAccount,
  document: TokenDocument,
  purpose: TokenPurpose,
  { rows, sealer }: { rows: AccountRows; sealer: DocumentSealer },
): Promise<boolean> {
  const { scopes, expires_at, refresh_token } = document;
  const is_refreshable = refresh_token !== undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const next = await rows.nextVersion(tenant_id, id);
    const value = document as unknown as JsonObject;
    const sealed = await sealer.seal('tokens', { id, tenant_id }, next, value);
    const result = await rows.storeTokens(sealed, {
      ...purpose,
      ...{ scopes, expires_at, is_refreshable },
    });
    if (result !== 'outdated') return result === 'stored';
  }
  throw new OAuthRefusal('other processes store tokens of the account too', MAY_SUCCEED_LATER);
}

/** Replaces tokens by new ones with the refresh token. Throws the errors of the client. */
export async function refreshTokens(
  document: TokenDocument,
  integration: Integration,
  { fetch, readSecret }: ClientServices,
): Promise<TokenDocument> {
  const { refresh_token: refreshToken, server, resource, scopes } = document;
  if (refreshToken === undefined) {
    const message = 'its token expired, and the server gave none to refresh it';
    throw new OAuthRefusal(message, { isFinal: true });
  }
  const client = await currentClient(document, integration, readSecret);
  const tokens = await refreshAuthorization(server.issuer, {
    metadata: server,
    clientInformation: client,
    refreshToken,
    ...(resource !== undefined && { resource }),
    fetchFn: fetch,
  });
  const request = { server, client, scopes, ...(resource !== undefined && { resource }) };
  return documentOf(tokens, request, integration);
}

/** Gets a token for the client itself. Throws the errors of the client. */
export async function fetchClientTokens(
  integration: Integration,
  { fetch, readSecret }: ClientServices,
): Promise<TokenDocument> {
  const { metadata, resource, scopes } = await findServer(integration, fetch);
  const client = await ownClient(integration, readSecret);
  const { client_id, client_secret = '' } = client;
  const tokens = await fetchToken(
    new ClientCredentialsProvider({
      ...{ clientId: client_id, clientSecret: client_secret, expectedIssuer: metadata.issuer },
    }),
    metadata.issuer,
    {
      metadata,
      ...(resource !== undefined && { resource }),
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
      fetchFn: fetch,
    },
  );
  const { refresh_token: _, ...withoutRefresh } = tokens; // the client gets a new token as easily
  const request = { server: factsOf(metadata), client, scopes };
  return documentOf(
    withoutRefresh,
    { ...request, ...(resource !== undefined && { resource }) },
    integration,
  );
}

/** Revokes the refresh token, or else the access token, at its server (RFC 7009), if it can. */
export async function revokeTokens(
  document: TokenDocument,
  integration: Integration,
  { fetch, readSecret }: ClientServices,
): Promise<void> {
  const { revocation_endpoint } = document.server;
  if (revocation_endpoint === undefined) return;
  const { client_id, client_secret } = await currentClient(document, integration, readSecret);
  const { refresh_token, access_token } = document;
  const body = new URLSearchParams({
    token: refresh_token ?? access_token,
    token_type_hint: refresh_token === undefined ? 'access_token' : 'refresh_token',
    ...(client_secret === undefined && { client_id }),
  });
  await postRevocation(revocation_endpoint, body, client_id, client_secret, fetch);
}

async function postRevocation(
  url: string,
  body: URLSearchParams,
  id: string,
  secret: string | undefined,
  fetch: OAuthFetch,
): Promise<void> {
  if (!isConfidential(new URL(url))) return;
  const headers = new Headers({ 'content-type': 'application/x-www-form-urlencoded' });
  if (secret !== undefined) headers.set('authorization', `Basic ${btoa(`${id}:${secret}`)}`);
  const response = await fetch(url, { method: 'POST', headers, body });
  await response.body?.cancel();
  if (response.status >= 500 || response.status === 429) {
    throw new Error(`the server answered the revocation with status ${response.status}`);
  }
}

/** Returns the client of tokens, with the current secret of the integration if it names one. */
async function currentClient(
  { client }: TokenDocument,
  integration: Integration,
  readSecret: ClientServices['readSecret'],
): Promise<OAuthClient> {
  if (integration.secret_name === null) return client;
  return ownClient(integration, readSecret);
}
