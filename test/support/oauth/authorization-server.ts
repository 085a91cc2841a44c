import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Provider } from 'oidc-provider';

/** A real authorization server (oidc-provider). Its consent page consents automatically. */
export type AuthorizationServer = {
  issuer: string;
  provider: Provider;
  /** The user who is logged in at the server. */
  person: string;
  /** The lifetime of new access tokens, in seconds. */
  tokenSeconds: number;
  /** The requests so far, as `POST /token`. */
  requests: string[];
  /** The token endpoint awaits this promise before each response. */
  beforeToken: Promise<unknown> | undefined;
  /** True while the token endpoint answers with status 503. */
  isDown: boolean;
  /** The error code that the token endpoint returns. */
  tokenError: string | undefined;
  /** Returns the refresh tokens that were issued so far. */
  refreshTokens(): Promise<{ jti: string; destroy(): Promise<void> }[]>;
  /** Returns the user and the resource of a token, or undefined if the token is not valid. */
  ownerOf(token: string): Promise<{ person: string; audience: string } | undefined>;
  close(): Promise<void>;
};

/** Opens an HTTP server on a free port of this machine. */
export async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** The manually registered client, for client credentials. */
export const CLIENT = { client_id: 'robot', client_secret: 'robot-secret-0123456789abcdef' };

export async function startAuthorizationServer(): Promise<AuthorizationServer> {
  const http = createServer();
  const issuer = `http://127.0.0.1:${await listen(http)}`;
  const provider = createProvider(issuer, () => server.tokenSeconds);
  const issuedTokens: string[] = [];
  provider.on('refresh_token.saved', ({ jti }) => issuedTokens.push(jti));
  const server: AuthorizationServer = {
    ...{ issuer, provider, person: 'ada@example.com', tokenSeconds: 3_600 },
    ...{ requests: [], beforeToken: undefined, isDown: false, tokenError: undefined },
    async refreshTokens() {
      const found = await Promise.all(issuedTokens.map((jti) => provider.RefreshToken.find(jti)));
      return found.filter((token) => token !== undefined);
    },
    async ownerOf(token) {
      const found =
        (await provider.AccessToken.find(token)) ?? (await provider.ClientCredentials.find(token));
      if (!found?.isValid) return undefined;
      const person = 'accountId' in found ? found.accountId : found.clientId;
      return { person: String(person), audience: String(found.aud) };
    },
    async close() {
      http.close();
      http.closeAllConnections();
    },
  };
  const handle = provider.callback();
  http.on('request', async (request, response) => {
    const path = request.url?.split('?')[0] ?? '';
    server.requests.push(`${request.method} ${path}`);
    if (server.isDown && path.startsWith('/token')) return void response.writeHead(503).end();
    if (path === '/token') await server.beforeToken;
    if (server.tokenError !== undefined && path === '/token') {
      response.writeHead(401, { 'content-type': 'application/json' });
      return void response.end(JSON.stringify({ error: server.tokenError }));
    }
    if (!path.startsWith('/agree/')) return void handle(request, response);
    await giveConsent(server, request, response);
  });
  return server;
}

function createProvider(issuer: string, tokenSeconds: () => number): Provider {
  return new Provider(issuer, {
    clients: [
      { ...CLIENT, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
    ],
    scopes: ['openid', 'offline_access'],
    pkce: { required: () => true },
    rotateRefreshToken: true,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    findAccount: async (_ctx, sub) => ({ accountId: sub, claims: async () => ({ sub }) }),
    ttl: { AccessToken: tokenSeconds, ClientCredentials: tokenSeconds, RefreshToken: 3_600 },
    features: {
      devInteractions: { enabled: false },
      registration: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_ctx, resource) => ({
          scope: 'notes',
          audience: resource,
          accessTokenFormat: 'opaque' as const,
        }),
      },
    },
    interactions: { url: (_ctx, { uid }) => `/agree/${uid}` },
  });
}

/** Logs the user in, consents to everything that the client has requested, and redirects. */
async function giveConsent(
  { provider, person }: AuthorizationServer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { params, session } = await provider.interactionDetails(request, response);
  const grant = new provider.Grant({
    accountId: session?.accountId ?? person,
    clientId: String(params.client_id),
  });
  grant.addOIDCScope('openid offline_access');
  for (const resource of [params.resource].flat()) {
    if (resource) grant.addResourceScope(String(resource), 'notes');
  }
  const result = {
    login: { accountId: person },
    consent: { grantId: await grant.save() },
  };
  await provider.interactionFinished(request, response, result);
}
