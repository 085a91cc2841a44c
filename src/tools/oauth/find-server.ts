import {
  type AuthorizationServerMetadata,
  checkResourceAllowed,
  discoverAuthorizationServerMetadata,
  discoverOAuthProtectedResourceMetadata,
  extractWWWAuthenticateParams,
  resourceUrlFromServerUrl,
} from '@modelcontextprotocol/client';
import type { Integration } from '../../contracts/connected-account.ts';
import { OAuthRefusal } from './failures.ts';
import type { OAuthFetch } from './fetch.ts';

/** Facts about an authorization server, found before a person consents there. */
export type AuthorizationServer = {
  metadata: AuthorizationServerMetadata;
  /** The resource that tokens are for, if the server may be told. */
  resource: string | undefined;
  /** The scopes to ask for. */
  scopes: string[];
};

/**
 * Finds the authorization server of an integration, as MCP's authorization specification asks: the
 * resource names its server in metadata (RFC 9728), and the server publishes its own (RFC 8414 or
 * OpenID Connect Discovery), whose issuer must be the expected one. An integration may name
 * the issuer and the endpoints instead.
 */
export async function findServer(
  integration: Integration,
  fetch: OAuthFetch,
): Promise<AuthorizationServer> {
  const { issuer, endpoints, resource_url, sends_resource } = integration;
  const own = resourceUrlFromServerUrl(resource_url).href;
  const named = issuer === null ? await readResourceMetadata(resource_url, fetch) : undefined;
  const metadata =
    issuer !== null && endpoints
      ? configuredMetadata(issuer, endpoints)
      : await publishedMetadata(issuer ?? named?.issuer ?? new URL('/', resource_url).href, fetch);
  return {
    metadata,
    resource: sends_resource ? (named?.resource ?? own) : undefined,
    scopes: scopesFor(integration, named?.scopes ?? [], metadata),
  };
}

type ResourceMetadata = { issuer: string | undefined; resource: string; scopes: string[] };

/** Reads the metadata of a resource. Undefined if it has none. */
async function readResourceMetadata(
  url: string,
  fetch: OAuthFetch,
): Promise<ResourceMetadata | undefined> {
  const challenge = extractWWWAuthenticateParams(await challengeOf(url, fetch));
  const { resourceMetadataUrl } = challenge;
  const metadata = await discoverOAuthProtectedResourceMetadata(
    url,
    resourceMetadataUrl ? { resourceMetadataUrl } : {},
    fetch,
  ).catch((error: unknown) => {
    if (error instanceof TypeError || resourceMetadataUrl) throw error;
    return undefined; // servers of the first specification have no such metadata
  });
  if (!metadata) return undefined;
  const { resource, authorization_servers: servers = [] } = metadata;
  const requestedResource = resourceUrlFromServerUrl(url);
  if (!checkResourceAllowed({ requestedResource, configuredResource: resource })) {
    throw new OAuthRefusal('the metadata of the resource is about another resource');
  }
  const scopes = challenge.scope?.split(' ') ?? metadata.scopes_supported ?? [];
  return { issuer: servers[0], resource, scopes };
}

/** Asks the resource without a token. Its answer 401 may say where its metadata is. */
async function challengeOf(url: string, fetch: OAuthFetch): Promise<Response> {
  const response = await fetch(url, { headers: { accept: 'application/json, text/event-stream' } });
  await response.body?.cancel();
  return response;
}

async function publishedMetadata(
  issuer: string,
  fetchFn: OAuthFetch,
): Promise<AuthorizationServerMetadata> {
  const metadata = await discoverAuthorizationServerMetadata(issuer, { fetchFn });
  if (metadata) return metadata;
  throw new OAuthRefusal(
    `no authorization server was found at ${new URL(issuer).host}: set issuer and endpoints of the integration`,
  );
}

function configuredMetadata(
  issuer: string,
  endpoints: { [name: string]: string },
): AuthorizationServerMetadata {
  return {
    issuer,
    response_types_supported: ['code'],
    authorization_endpoint: endpoints.authorization_endpoint ?? '',
    token_endpoint: endpoints.token_endpoint ?? '',
    ...(endpoints.revocation_endpoint && { revocation_endpoint: endpoints.revocation_endpoint }),
  };
}

/** Returns the scopes to ask for. A server that knows `offline_access` gives no refresh without. */
function scopesFor(
  { scopes, grant_type }: Integration,
  named: readonly string[],
  { scopes_supported }: AuthorizationServerMetadata,
): string[] {
  const wanted = scopes.length > 0 ? scopes : named;
  const isOffline =
    grant_type === 'authorization_code' && scopes_supported?.includes('offline_access');
  return [...new Set(isOffline ? [...wanted, 'offline_access'] : wanted)];
}
