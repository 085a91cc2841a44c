import { decodeJwt, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../../../src/api/server.ts';
import { readConfig } from '../../../src/config.ts';
import { testDatabase } from '../../support/database.ts';
import {
  OIDC_CLIENT,
  type OpenIdProvider,
  startOpenIdProvider,
} from '../../support/oauth/openid-provider.ts';
import { type PublicProxy, startPublicProxy } from '../../support/oauth/public-proxy.ts';
import { TEST_MASTER_KEYS } from '../../support/worker.ts';

const PATH = '/agents';
const SECRET = 'a-secret-of-the-tests-with-32-bytes!';

const db = testDatabase();
let provider: OpenIdProvider;
let proxy: PublicProxy;
const apis: ApiServer[] = [];
/** The lines of the logs of all servers. */
const lines: string[] = [];

/** Starts an API for the provider, with more variables of the environment. */
async function start(env: Record<string, string> = {}): Promise<ApiServer> {
  const config = readConfig({
    ...{ DATABASE_URL: db.url, PORT: '0', HOWDAH_AUTH: 'required', HOWDAH_JWT_SECRET: SECRET },
    ...{ HOWDAH_PUBLIC_URL: proxy.url, HOWDAH_OIDC_ISSUER: provider.issuer },
    ...{ HOWDAH_OIDC_CLIENT_ID: OIDC_CLIENT.id, HOWDAH_OIDC_CLIENT_SECRET: OIDC_CLIENT.secret },
    ...env,
  });
  const log = pino({ level: 'debug' }, { write: (line) => void lines.push(line) });
  const api = await startApi({ ...config, url: db.url, log, masterKeys: TEST_MASTER_KEYS });
  apis.push(api);
  return api;
}

beforeAll(async () => {
  provider = await startOpenIdProvider();
  proxy = await startPublicProxy(PATH);
  proxy.port = (await start()).port;
  await db.pool.query(`insert into howdah.tenants (slug, name) values ('acme', 'Acme')`);
  await db.pool.query(
    `insert into howdah.users (tenant_id, username, role, is_active)
     select t.id, u.name, u.role::howdah.user_role, u.active
     from howdah.tenants as t, (values ('ada@example.com', 'admin', true),
       ('gone@example.com', 'member', false)) as u (name, role, active)
     where t.slug = 'default'`,
  );
});
afterEach(() => {
  const person = { sub: 'u1', email: 'ada@example.com', email_verified: true };
  Object.assign(provider, { person, algorithm: 'RS256', isDown: false });
  Object.assign(provider, { change: undefined, sign: undefined, error: undefined });
});
afterAll(async () => {
  await Promise.all(apis.map((api) => api.close()));
  proxy?.close();
  provider?.close();
});

type Sent = { cookie?: string | undefined; base?: string; headers?: Record<string, string> };

async function post(path: string, body: object, { cookie, base = proxy.url, headers }: Sent = {}) {
  const response = await fetch(`${base}/login/oidc${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(cookie && { cookie }), ...headers },
    body: JSON.stringify(body),
  });
  const set = response.headers.get('set-cookie') ?? '';
  // biome-ignore lint/suspicious/noExplicitAny: tests read single fields of answers
  return { status: response.status, set, body: (await response.json()) as any };
}

/** Begins a login and goes to the provider, which sends the browser back with an answer. */
async function goToProvider(sent: Sent & { returnTo?: string } = {}) {
  const { returnTo, ...more } = sent;
  const begun = await post('/start', returnTo === undefined ? {} : { return_to: returnTo }, more);
  expect(begun.status).toBe(200);
  const back = await fetch(begun.body.url, { redirect: 'manual' });
  const callback = new URL(back.headers.get('location') ?? '');
  return { ...begun, callback, cookie: begun.set.split(';')[0], answer: callback.search.slice(1) };
}

async function signIn(sent: Sent & { returnTo?: string } = {}) {
  const { answer, cookie } = await goToProvider(sent);
  return post('/finish', { answer }, { ...sent, cookie });
}

async function me(token: string) {
  const response = await fetch(`${proxy.url}/api/me`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return { status: response.status, ...((await response.json()) as object) };
}

describe('a login', () => {
  test.each(['RS256', 'ES256'] as const)(
    'by a %s key gives the rights of the user',
    async (alg) => {
      provider.algorithm = alg;
      const { callback, set, answer, cookie, body } = await goToProvider({ returnTo: '/runs?a=1' });
      expect(`${callback.origin}${callback.pathname}`).toBe(`${proxy.url}/login/callback`);
      expect(new URL(body.url).searchParams.get('code_challenge_method')).toBe('S256');
      expect(set).toMatch(/; Max-Age=600; Path=\/agents\/login\/oidc; HttpOnly; SameSite=Strict$/);
      const ended = await post('/finish', { answer }, { cookie });
      expect(ended).toMatchObject({ status: 200, body: { return_to: '/runs?a=1' } });
      expect(ended.set).toContain('Max-Age=0');
      expect(await me(ended.body.token)).toMatchObject({
        ...{ status: 200, tenant: 'default', role: 'admin' },
      });
      const { iat, exp } = decodeJwt(ended.body.token);
      expect(Number(exp) - Number(iat)).toBe(480 * 60);
      expect(Date.parse(ended.body.expires_at)).toBe(Number(exp) * 1000);
    },
  );

  test('names the provider and the address, and the callback is a page without data', async () => {
    const named = await fetch(`${proxy.url}/login/oidc`);
    expect(await named.json()).toEqual({ issuer: new URL(provider.issuer).host, url: proxy.url });
    const page = await fetch(`${proxy.url}/login/callback?code=c-1&state=s-1`);
    expect(page.headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(page.headers.get('cache-control')).toBe('no-store');
    expect(await page.text()).not.toMatch(/c-1|s-1/);
  });

  test('begun at one process ends at another', async () => {
    const other = await start({ HOWDAH_OIDC_CLIENT_AUTH: 'client_secret_basic' });
    const { answer, cookie } = await goToProvider();
    expect((await post('/finish', { answer }, { cookie, base: other.url })).status).toBe(200);
  });

  test('reads tenant and role from claims, and gives no more than the row of the user', async () => {
    const { url: base } = await start({
      ...{ HOWDAH_OIDC_USER_CLAIM: 'sub', HOWDAH_OIDC_TENANT_CLAIM: 'org' },
      ...{ HOWDAH_OIDC_ROLE_CLAIM: 'groups', HOWDAH_OIDC_NEW_USERS: 'member' },
    });
    provider.person = { sub: 'bob', org: 'acme', groups: ['staff', 'viewer', 'owner'] };
    const created = await signIn({ base });
    expect(await me(created.body.token)).toMatchObject({ tenant: 'acme', role: 'member' });
    provider.person = { sub: 'bob', org: 'acme', groups: 'viewer' };
    const again = await signIn({ base });
    expect(await me(again.body.token)).toMatchObject({ tenant: 'acme', role: 'viewer' });
    const { rows } = await db.pool.query(
      `select u.role from howdah.users as u where u.username = 'bob'`,
    );
    expect(rows).toEqual([{ role: 'member' }]);
    provider.person = { sub: 'bob', org: 'acme', groups: ['staff'] };
    const refused = { status: 403, body: { code: 'HWDEN', claim: 'groups' } };
    expect(await signIn({ base })).toMatchObject(refused);
    provider.person = { sub: 'bob', org: 'nowhere', groups: 'viewer' };
    const unknown = { status: 403, body: { detail: 'the tenant nowhere does not exist' } };
    expect(await signIn({ base })).toMatchObject(unknown);
  });
});

describe('a login is refused with the fix', () => {
  const email = (address: string, verified: boolean | string = true) => ({
    person: { sub: 'u2', email: address, email_verified: verified },
  });

  test.each<[string, Partial<OpenIdProvider>, number, string]>([
    ['an unknown user', email('eve@example.com'), 403, 'HOWDAH_OIDC_NEW_USERS'],
    ['a deactivated user', email('gone@example.com'), 403, 'is_active'],
    ['an address in another case', email('GONE@Example.com'), 403, 'is_active'],
    ['an unverified address', email('ada@example.com', false), 403, 'email_verified'],
    ['no address', { person: { sub: 'u3', email_verified: true } }, 403, 'HOWDAH_OIDC_USER_CLAIM'],
    ['a refusal', { error: 'access_denied' }, 403, 'another account'],
    ['a provider that fails', { error: 'temporarily_unavailable' }, 503, 'in a moment'],
    ['a faulty client', { error: 'invalid_scope' }, 409, 'redirect URI'],
    ['an error that is no code', { error: '<b>s3cret</b>' }, 409, 'redirect URI'],
  ])('%s', async (_name, state, status, hint) => {
    Object.assign(provider, state);
    const answer = await signIn();
    expect(answer).toMatchObject({ status, body: { hint: expect.stringContaining(hint) } });
    expect(JSON.stringify(answer.body)).not.toContain('s3cret');
    expect(answer.set).toContain('Max-Age=0');
  });

  test('a tenant that is not active', async () => {
    const { url: base } = await start({ HOWDAH_OIDC_TENANT: 'acme' });
    await db.pool.query(`update howdah.tenants set is_active = false where slug = 'acme'`);
    const answer = await signIn({ base });
    await db.pool.query(`update howdah.tenants set is_active = true where slug = 'acme'`);
    expect(answer).toMatchObject({ status: 403, body: { tenant: 'acme' } });
  });

  test('a provider that is down, when a login begins and when it ends', async () => {
    const { url: base } = await start();
    provider.isDown = true;
    const down = { status: 503, body: { code: 'EUNREACHABLE' } };
    expect(await post('/start', {}, { base })).toMatchObject(down);
    provider.isDown = false;
    const { answer, cookie } = await goToProvider({ base });
    provider.isDown = true;
    expect(await post('/finish', { answer }, { base, cookie })).toMatchObject(down);
  });

  test('a wrong secret of the client, and an issuer that names itself otherwise', async () => {
    const wrong = await start({ HOWDAH_OIDC_CLIENT_SECRET: 'another-secret' });
    expect(await signIn({ base: wrong.url })).toMatchObject({
      ...{ status: 409, body: { hint: expect.stringContaining('HOWDAH_OIDC_CLIENT_SECRET') } },
    });
    const renamed = await start({
      HOWDAH_OIDC_ISSUER: provider.issuer.replace('127.0.0.1', 'localhost'),
    });
    expect(await post('/start', {}, { base: renamed.url })).toMatchObject({
      ...{ status: 409, body: { hint: expect.stringContaining('HOWDAH_OIDC_ISSUER') } },
    });
  });

  test('a server without a provider', async () => {
    const response = await post('/start', {}, { base: (await startWithout()).url });
    expect(response).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
  });

  async function startWithout(): Promise<ApiServer> {
    return start({
      ...{ HOWDAH_OIDC_ISSUER: '', HOWDAH_OIDC_CLIENT_ID: '', HOWDAH_OIDC_CLIENT_SECRET: '' },
    });
  }
});

describe('an attack', () => {
  const REFUSED = { status: 403, body: { code: 'HWDEN' } };
  const later = (seconds: number) => Math.floor(Date.now() / 1000) + seconds;

  test.each<[string, (claims: JWTPayload) => JWTPayload]>([
    ['another audience', (claims) => ({ ...claims, aud: 'another-client' })],
    ['another issuer', (claims) => ({ ...claims, iss: 'https://evil.example' })],
    ['a replayed nonce', (claims) => ({ ...claims, nonce: 'of-another-login' })],
    ['no nonce', ({ nonce: _nonce, ...claims }) => claims],
    ['an expired token', (claims) => ({ ...claims, iat: later(-900), exp: later(-60) })],
    ['a token of the future', (claims) => ({ ...claims, nbf: later(120) })],
  ])('by an ID token with %s', async (_name, change) => {
    provider.change = change;
    expect(await signIn()).toMatchObject(REFUSED);
  });

  test('clocks may differ by 30 seconds', async () => {
    provider.change = (claims) => ({ ...claims, exp: later(-10) });
    expect((await signIn()).status).toBe(200);
  });

  test('by an ID token without a signature, of another key, or of the secret of tokens', async () => {
    const other = await generateKeyPair('RS256');
    const header = { alg: 'RS256', kid: 'RS256' };
    const forgeries: OpenIdProvider['sign'][] = [
      (claims) => new UnsecuredJWT(claims).encode(),
      (claims) => new SignJWT(claims).setProtectedHeader(header).sign(other.privateKey),
      (claims) =>
        new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(SECRET)),
    ];
    for (const sign of forgeries) {
      provider.sign = sign;
      expect(await signIn()).toMatchObject(REFUSED);
    }
  });

  test('by a forged callback, a swapped state, or the cookie of another login', async () => {
    const mine = await goToProvider();
    const other = await goToProvider();
    const before = provider.requests.length;
    const swapped = new URLSearchParams(mine.answer);
    swapped.set('state', new URLSearchParams(other.answer).get('state') ?? '');
    const tampered = `${mine.cookie?.slice(0, -4)}AAAA`;
    for (const [answer, cookie] of [
      [mine.answer, undefined],
      [mine.answer, other.cookie],
      [mine.answer, tampered],
      [swapped.toString(), mine.cookie],
      ['code=x', mine.cookie],
    ] as const) {
      expect(await post('/finish', { answer }, { cookie })).toMatchObject(REFUSED);
    }
    expect(provider.requests.length).toBe(before); // nothing is sent to the provider
    const injected = new URLSearchParams(mine.answer);
    injected.set('code', new URLSearchParams(other.answer).get('code') ?? '');
    const answer = injected.toString();
    expect(await post('/finish', { answer }, { cookie: mine.cookie })).toMatchObject(REFUSED);
  });

  test('by an answer that is used twice, or that names another issuer', async () => {
    const { answer, cookie } = await goToProvider();
    expect((await post('/finish', { answer }, { cookie })).status).toBe(200);
    expect(await post('/finish', { answer }, { cookie })).toMatchObject(REFUSED);
    const other = await goToProvider();
    const mixed = new URLSearchParams(other.answer);
    mixed.set('iss', 'https://evil.example');
    const sent = { answer: mixed.toString() };
    expect(await post('/finish', sent, { cookie: other.cookie })).toMatchObject(REFUSED);
  });

  test.each([
    ...['https://evil.example', '//evil.example', '/\\evil.example', 'runs', '/a\n/b'],
    'javascript:alert(1)',
  ])('by an open redirect to %j', async (return_to) => {
    const answer = await post('/start', { return_to });
    expect(answer).toMatchObject({ status: 400, body: { code: 'HWINV', field: 'return_to' } });
  });

  test('by a page of another site', async () => {
    const headers = { origin: 'https://evil.example' };
    expect((await post('/start', {}, { headers })).status).toBe(403);
    const site = { 'sec-fetch-site': 'same-site' };
    expect((await post('/finish', { answer: '' }, { headers: site })).status).toBe(403);
  });

  test('by a body that is no JSON object', async () => {
    for (const body of [[], { answer: 1 }, { answer: 'x', more: 1 }, {}]) {
      expect((await post('/finish', body)).status).toBe(400);
    }
    const text = await fetch(`${proxy.url}/login/oidc/start`, {
      ...{ method: 'POST', body: '{}', headers: { 'content-type': 'text/plain' } },
    });
    expect(text.status).toBe(415);
  });

  test('finds no secret in the log', async () => {
    provider.change = (claims) => ({ ...claims, aud: 'another-client' });
    const { answer, cookie } = await goToProvider();
    await post('/finish', { answer }, { cookie });
    const log = lines.join('');
    expect(log).toContain('a login by OIDC failed');
    expect(log).toContain('OAUTH_JWT_CLAIM_COMPARISON_FAILED');
    const code = new URLSearchParams(answer).get('code') ?? '';
    for (const secret of [code, OIDC_CLIENT.secret, SECRET, 'eyJ']) {
      expect(log).not.toContain(secret);
    }
  });
});

test('the cookie of an https address is bound to its host', async () => {
  const { url: base } = await start({ HOWDAH_PUBLIC_URL: 'https://agents.example.com/howdah' });
  const { set, body } = await post('/start', {}, { base });
  expect(set).toMatch(/^__Host-howdah_login=.*; Path=\/; HttpOnly; SameSite=Strict; Secure$/);
  expect(new URL(body.url).searchParams.get('redirect_uri')).toBe(
    'https://agents.example.com/howdah/login/callback',
  );
});
