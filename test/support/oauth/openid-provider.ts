import { createHash, randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { listen } from './authorization-server.ts';

/** An OpenID provider with real keys, whose ID tokens a test may make wrong. */
export type OpenIdProvider = {
  issuer: string;
  /** The algorithm of the next ID tokens. */
  algorithm: 'RS256' | 'ES256';
  /** The claims of whoever signs in. */
  person: JWTPayload;
  /** Changes the claims of the next ID token. */
  change: ((claims: JWTPayload) => JWTPayload) | undefined;
  /** Signs the next ID token in another way. */
  sign: ((claims: JWTPayload) => Promise<string> | string) | undefined;
  /** The error with which the authorization endpoint answers. */
  error: string | undefined;
  isDown: boolean;
  /** The requests so far, as `POST /token`. */
  requests: string[];
  close(): void;
};

export const OIDC_CLIENT = { id: 'howdah', secret: 'console-secret-0123456789' };

type Grant = { nonce: string; challenge: string; redirectUri: string };
type Keys = Record<OpenIdProvider['algorithm'], { publicKey: CryptoKey; privateKey: CryptoKey }>;

export async function startOpenIdProvider(): Promise<OpenIdProvider> {
  const keys: Keys = {
    RS256: await generateKeyPair('RS256'),
    ES256: await generateKeyPair('ES256'),
  };
  const http = createServer();
  const grants = new Map<string, Grant>();
  const provider: OpenIdProvider = {
    issuer: `http://127.0.0.1:${await listen(http)}`,
    algorithm: 'RS256',
    person: { sub: 'u1', email: 'ada@example.com', email_verified: true },
    ...{ change: undefined, sign: undefined, error: undefined, isDown: false, requests: [] },
    close() {
      http.close();
      http.closeAllConnections();
    },
  };
  http.on('request', async (request, response) => {
    const url = new URL(request.url ?? '/', provider.issuer);
    provider.requests.push(`${request.method} ${url.pathname}`);
    if (provider.isDown) return void response.writeHead(503).end();
    switch (url.pathname) {
      case '/.well-known/openid-configuration':
        return send(response, 200, describe(provider.issuer));
      case '/jwks':
        return send(response, 200, { keys: await publicKeys(keys) });
      case '/authorize':
        return authorize(provider, grants, url.searchParams, response);
      case '/token':
        return exchange(provider, grants, keys, request, response);
      default:
        response.writeHead(404).end();
    }
  });
  return provider;
}

function describe(issuer: string) {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'ES256'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
  };
}

function publicKeys(keys: Keys) {
  return Promise.all(
    Object.entries(keys).map(async ([alg, { publicKey }]) => ({
      ...(await exportJWK(publicKey)),
      ...{ alg, kid: alg, use: 'sig' },
    })),
  );
}

/** Signs the person in without asking, and sends the browser back. */
function authorize(
  provider: OpenIdProvider,
  grants: Map<string, Grant>,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const redirectUri = query.get('redirect_uri') ?? '';
  const back = new URL(redirectUri);
  back.searchParams.set('state', query.get('state') ?? '');
  back.searchParams.set('iss', provider.issuer);
  if (provider.error !== undefined) back.searchParams.set('error', provider.error);
  else {
    const code = randomUUID();
    grants.set(code, {
      nonce: query.get('nonce') ?? '',
      challenge: query.get('code_challenge') ?? '',
      redirectUri,
    });
    back.searchParams.set('code', code);
  }
  response.writeHead(303, { location: back.href }).end();
}

async function exchange(
  provider: OpenIdProvider,
  grants: Map<string, Grant>,
  keys: Keys,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const form = new URLSearchParams(await text(request));
  const basic = request.headers.authorization?.replace(/^Basic /, '') ?? '';
  const decoded = decodeURIComponent(Buffer.from(basic, 'base64').toString());
  const posted = `${form.get('client_id')}:${form.get('client_secret')}`;
  if (![decoded, posted].includes(`${OIDC_CLIENT.id}:${OIDC_CLIENT.secret}`)) {
    return send(response, 400, { error: 'invalid_client' });
  }
  const grant = grants.get(form.get('code') ?? '');
  grants.delete(form.get('code') ?? ''); // a code counts once
  const challenge = createHash('sha256').update(form.get('code_verifier') ?? '');
  if (
    grant?.redirectUri !== form.get('redirect_uri') ||
    grant?.challenge !== challenge.digest('base64url')
  ) {
    return send(response, 400, { error: 'invalid_grant' });
  }
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    ...{ iss: provider.issuer, aud: OIDC_CLIENT.id, nonce: grant.nonce },
    ...{ iat: now, exp: now + 300, ...provider.person },
  };
  const changed = provider.change?.(claims) ?? claims;
  const signOwn = (own: JWTPayload) =>
    new SignJWT(own)
      .setProtectedHeader({ alg: provider.algorithm, kid: provider.algorithm })
      .sign(keys[provider.algorithm].privateKey);
  const id_token = await (provider.sign ?? signOwn)(changed);
  send(response, 200, { access_token: randomUUID(), token_type: 'bearer', id_token });
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
