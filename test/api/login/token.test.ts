import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type CryptoKey, exportJWK, importJWK, type JWK, SignJWT } from 'jose';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { createTokenReader } from '../../../src/api/login/token.ts';
import { claimsOf, now, SECRET, sign } from '../subscriptions/tokens.ts';

// Tests the token reader alone. test/api/login/login.test.ts sends tokens to a server.

const person = { sub: 'ada', tenant_id: randomUUID(), user_id: randomUUID() };
const trouble = vi.fn();
const outcome = async (read: ReturnType<typeof createTokenReader>, token: string) => {
  const verdict = await read(token);
  return verdict.ok ? 'good' : verdict.refusal.reason;
};

/** Key set of an identity provider, which can change and be unavailable. */
let published: JWK[] | undefined = [];
let fetches = 0;
const keySet = createServer((_request, response) => {
  fetches += 1;
  if (published === undefined) return response.writeHead(503).end();
  response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: published }));
});
let jwksUrl: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => keySet.listen(0, '127.0.0.1', resolve));
  jwksUrl = `http://127.0.0.1:${(keySet.address() as AddressInfo).port}/`;
});
afterAll(() => {
  keySet.close();
});
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'] });
  trouble.mockClear();
  fetches = 0;
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a token signed with the shared secret', () => {
  const read = createTokenReader({ jwtSecret: SECRET, jwksUrl: undefined }, trouble);

  test.each<[string, object, object, string]>([
    ['is accepted', {}, {}, 'good'],
    ['is accepted almost a year after it was issued', { iat: now() - 364 * 86_400 }, {}, 'good'],
    [
      'is expired a year after it was issued, even if its exp is later',
      { iat: now() - 366 * 86_400 },
      {},
      'expired',
    ],
    ['is invalid if it was issued in the future', { iat: now() + 120 }, {}, 'invalid'],
    ['is invalid if its exp is not a number', { exp: 'never' }, {}, 'invalid'],
    ['may have the type JWT', {}, { typ: 'JWT' }, 'good'],
    ['may have the type application/jwt', {}, { typ: 'application/jwt' }, 'good'],
    ['may have the type of an access token', {}, { typ: 'at+jwt' }, 'good'],
    ['may have no other type', {}, { typ: 'logout+jwt' }, 'invalid'],
    ['is invalid with an unknown critical header', {}, { crit: ['x'], x: 1 }, 'invalid'],
  ])('%s', async (_what, claims, header, expected) => {
    const token = await new SignJWT(claimsOf(person, { ...claims }))
      .setProtectedHeader({ alg: 'HS256', ...header })
      .sign(Buffer.from(SECRET), { crit: { x: true } });
    expect(await outcome(read, token)).toBe(expected);
    expect(trouble).not.toHaveBeenCalled();
  });

  test('is invalid with any other last character of its signature', async () => {
    const token = await sign(claimsOf(person));
    const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const good = await Promise.all(
      [...letters].map((last) => outcome(read, token.slice(0, -1) + last)),
    );
    // the last letter has unused bits, so that four letters encode the same signature
    expect(good.filter((one) => one === 'good')).toHaveLength(1);
  });
});

describe('a JWKS that changes', () => {
  const pairs = [1, 2].map(() => generateKeyPairSync('ec', { namedCurve: 'P-256' }));
  const [old, fresh] = pairs as [(typeof pairs)[0], (typeof pairs)[0]];
  const tokenOf = ({ privateKey }: typeof old, kid: string) =>
    sign(claimsOf(person), privateKey, { alg: 'ES256', kid });
  const publish = async (...keys: [typeof old, string][]) => {
    published = await Promise.all(
      keys.map(async ([{ publicKey }, kid]) => ({ ...(await exportJWK(publicKey)), kid })),
    );
  };
  const pass = (seconds: number) => vi.setSystemTime(Date.now() + seconds * 1000);

  test('30 seconds after the last fetch, a new key is accepted and the old key rejected', async () => {
    await publish([old, 'old']);
    const read = createTokenReader({ jwtSecret: undefined, jwksUrl }, trouble);
    expect(await outcome(read, await tokenOf(old, 'old'))).toBe('good');
    await publish([fresh, 'new']);
    expect(await outcome(read, await tokenOf(fresh, 'new'))).toBe('invalid');
    expect(fetches).toBe(1); // unknown key ids cause no further fetch
    pass(31);
    expect(await outcome(read, await tokenOf(fresh, 'new'))).toBe('good');
    expect(await outcome(read, await tokenOf(old, 'old'))).toBe('invalid');
    expect(await outcome(read, await tokenOf(old, 'new'))).toBe('invalid');
    expect(fetches).toBe(2);
  });

  test('a removed key is rejected within ten minutes, even without a new key', async () => {
    await publish([old, 'old']);
    const read = createTokenReader({ jwtSecret: undefined, jwksUrl }, trouble);
    expect(await outcome(read, await tokenOf(old, 'old'))).toBe('good');
    await publish([fresh, 'new']);
    pass(601);
    expect(await outcome(read, await tokenOf(old, 'old'))).toBe('invalid');
  });

  test('cached keys are valid for ten minutes of an outage; then tokens are rejected', async () => {
    await publish([old, 'old']);
    const read = createTokenReader({ jwtSecret: undefined, jwksUrl }, trouble);
    expect(await outcome(read, await tokenOf(old, 'old'))).toBe('good');
    published = undefined;
    pass(590);
    expect(await outcome(read, await tokenOf(old, 'old'))).toBe('good');
    expect(trouble).not.toHaveBeenCalled();
    pass(20);
    expect(await outcome(read, await tokenOf(old, 'old'))).toBe('unreachable');
    expect(trouble).toHaveBeenCalledTimes(1);
    await publish([old, 'old']);
    expect(await outcome(read, await tokenOf(old, 'old'))).toBe('good');
  });
});

type Group = {
  comment: string;
  private?: JWK;
  public?: JWK;
  tests: { tcId: number; jws: unknown }[];
};
const vectors = join(
  process.env.HOWDAH_TEST_ASSETS ?? '',
  'jws-vectors/json_web_signature_test.json',
);
const hasVectors = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(vectors);
if (!hasVectors) console.log('JWS vectors: skipped, HOWDAH_TEST_ASSETS has no jws-vectors');

test.skipIf(!hasVectors)(
  'test vectors of foreign signatures are rejected (HOWDAH_TEST_ASSETS)',
  async () => {
    const { testGroups } = JSON.parse(readFileSync(vectors, 'utf8')) as { testGroups: Group[] };
    const outcomes = new Map<string, number>();
    for (const { comment, tests, ...keys } of testGroups) {
      published = keys.public ? [keys.public] : [];
      const read = createTokenReader({ jwtSecret: SECRET, jwksUrl }, trouble);
      for (const { tcId, jws } of tests) {
        const got = await outcome(read, typeof jws === 'string' ? jws : JSON.stringify(jws));
        expect({ comment, tcId, got }).toEqual({ comment, tcId, got: 'invalid' });
      }
      const own = keys.private && keys.public ? await ownToken(keys.private) : undefined;
      const got = own === undefined ? 'none' : await outcome(read, own);
      outcomes.set(got, (outcomes.get(got) ?? 0) + tests.length);
    }
    // most of the vectors use a key whose tokens the reader accepts
    expect(outcomes.get('good')).toBeGreaterThan(100);
    expect(outcomes.get('invalid')).toBeGreaterThan(10);
    expect(trouble).not.toHaveBeenCalled();
  },
);

/** Returns valid claims signed with the private key of a group and its algorithm. */
async function ownToken({ key_ops, use, ...key }: JWK): Promise<string | undefined> {
  const alg = key.alg ?? 'RS256';
  if (alg === 'ES521') return undefined; // no such algorithm
  const header = { alg, ...(key.kid && { kid: key.kid }) };
  return sign(claimsOf(person), (await importJWK(key, alg)) as CryptoKey, header);
}
