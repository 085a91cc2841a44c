import {
  type AuthorizationServerMetadata,
  type OAuthClientInformationMixed,
  OAuthError,
  registerClient,
} from '@modelcontextprotocol/client';
import type {
  AccountRows,
  DocumentSealer,
  Integration,
  StoredAccount,
} from '../../contracts/connected-account.ts';
import type { ReadSecret } from '../../contracts/secret.ts';
import type { JsonObject } from '../../json/json.ts';
import { OAuthRefusal } from './failures.ts';
import type { OAuthFetch } from './fetch.ts';

/** A client of an authorization server, with its secret if it has one. */
export type OAuthClient = OAuthClientInformationMixed;

export type ClientServices = {
  rows: AccountRows;
  sealer: DocumentSealer;
  fetch: OAuthFetch;
  readSecret: ReadSecret;
};

/** Attempts to store a document. Another process wins this often only if something is wrong. */
const ATTEMPTS = 10;
/** The time before the expiry of a client secret at which another client is registered. */
const EXPIRY_MARGIN_MS = 15 * 60_000;

/**
 * Returns the client of an integration for a redirect URI: the one that was registered by hand, the
 * one that this system registered before at the same server, or a new one (RFC 7591). A client
 * whose secret has expired is registered anew.
 */
export async function clientFor(
  account: StoredAccount,
  metadata: AuthorizationServerMetadata,
  redirectUri: string,
  services: ClientServices,
): Promise<OAuthClient> {
  const { integration } = account;
  if (integration.client_id !== null) return ownClient(integration, services.readSecret);
  const known = account.client && (await services.sealer.open(account.client));
  if (known?.issuer === metadata.issuer && known.redirect_uri === redirectUri) {
    const client = known.client as unknown as OAuthClient;
    if (!isExpired(client)) return client;
  }
  if (!metadata.registration_endpoint) {
    throw new OAuthRefusal(
      'the authorization server registers no clients: register one by hand and set client_id',
    );
  }
  const client = await register(metadata, redirectUri, services.fetch);
  await store(
    integration,
    { issuer: metadata.issuer, redirect_uri: redirectUri, client },
    services,
  );
  return client as unknown as OAuthClient;
}

/** Returns the client that was registered by hand, with its current secret. */
export async function ownClient(
  { tenant_id, client_id, secret_name }: Integration,
  readSecret: ReadSecret,
): Promise<OAuthClient> {
  if (secret_name === null) return { client_id: client_id ?? '' };
  const secret = await readSecret(tenant_id, secret_name);
  if (!secret.ok) throw new OAuthRefusal(secret.error.message, secret.error);
  return { client_id: client_id ?? '', client_secret: secret.value.trim() };
}

/** Returns whether the secret of a client is valid no more. Zero stands for a secret that stays. */
function isExpired(client: OAuthClient): boolean {
  const { client_secret_expires_at: seconds = 0 } = client as { client_secret_expires_at?: number };
  return seconds > 0 && seconds * 1_000 - EXPIRY_MARGIN_MS < Date.now();
}

/**
 * Deletes a registered client that its server no longer knows, so that the next consent registers
 * another one. Returns the error that says so, and any other error as it is.
 */
export async function forgetUnknownClient(
  error: unknown,
  { integration, client }: StoredAccount,
  { client_id }: OAuthClient,
  { rows, sealer }: ClientServices,
): Promise<unknown> {
  const isUnknown = error instanceof OAuthError && error.code === 'invalid_client';
  if (!isUnknown || integration.client_id !== null) return error;
  if (client) {
    const known = (await sealer.open(client)).client as unknown as OAuthClient;
    if (known.client_id === client_id) await rows.forgetClient(integration.id, client.version);
  }
  return new OAuthRefusal(
    'the authorization server no longer knows the client that was registered there (invalid_client): connect the account again',
  );
}

/** Registers this system as a public client, whose proof is PKCE. Some servers add a secret. */
async function register(
  metadata: AuthorizationServerMetadata,
  redirectUri: string,
  fetchFn: OAuthFetch,
): Promise<JsonObject> {
  const registered = await registerClient(metadata.issuer, {
    metadata,
    fetchFn,
    clientMetadata: {
      client_name: 'Howdah',
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      token_endpoint_auth_method: 'none',
      application_type: new URL(redirectUri).protocol === 'https:' ? 'web' : 'native',
    },
  });
  const { client_id, client_secret, client_secret_expires_at } = registered;
  const { token_endpoint_auth_method } = registered;
  return {
    client_id,
    ...(client_secret !== undefined && { client_secret }),
    ...(client_secret_expires_at !== undefined && { client_secret_expires_at }),
    ...(token_endpoint_auth_method !== undefined && { token_endpoint_auth_method }),
  };
}

async function store(
  { id, tenant_id }: Integration,
  document: JsonObject,
  { rows, sealer }: ClientServices,
): Promise<void> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const next = await rows.nextVersion(tenant_id, id);
    const sealed = await sealer.seal('client', { id, tenant_id }, next, document);
    if (await rows.storeClient(sealed)) return;
  }
  throw new OAuthRefusal('another process registers a client too; try again');
}
