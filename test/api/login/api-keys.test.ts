import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createAccountStatus } from '../../../src/api/login/account-status.ts';
import { createKeyReader, type ReadApiKey } from '../../../src/api/login/api-key-reader.ts';
import { FRESH_MS } from '../../../src/api/login/cached-loader.ts';
import { createLogin } from '../../../src/api/login/login.ts';
import { createTokenReader } from '../../../src/api/login/token.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { createPool, type Pool } from '../../../src/db/connection/pool.ts';
import { committed, makeApiKey, makeRun, makeTenant, one } from '../../sql/support.ts';
import { createTestDatabase, testDatabase } from '../../support/database.ts';
import { type Answer, ask, followSteps, openSocket, startTestApi, until } from '../harness.ts';
import { makePerson, type Person, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;
let ada: Person;

beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
  ada = await makePerson(db.pool, 'ada', await makeTenant(db.pool));
});

afterAll(async () => {
  await api?.close();
});

const WHO = '{ tenants { nodes { id } } users { nodes { username } } }';
const makeKey = (values = {}) => makeApiKey(db.pool, ada.tenant_id, values);

/** Returns the response to a rejected key. */
async function responseTo(key: string): Promise<Answer> {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ query: WHO }),
  });
  return { status: response.status, ...((await response.json()) as object) };
}

/** Returns the key with another character at this place and the old checksum. */
function alterKey(key: string, place: number): string {
  return `${key.slice(0, place)}${key[place] === 'x' ? 'y' : 'x'}${key.slice(place + 1)}`;
}

/** Returns the key with a corrected checksum. */
async function fixChecksum(key: string): Promise<string> {
  const text = key.slice(0, -7);
  const { sum } = await one(
    db.pool,
    `select howdah_private.base62(int8send(howdah_private.crc_32(convert_to($1, 'UTF8'))), 6) as sum`,
    [text],
  );
  return `${text}_${sum}`;
}

describe('an API key', () => {
  test('acts for its tenant', async () => {
    const { key } = await makeKey();
    const { status, data } = await ask(api, WHO, {}, key);
    expect({ status, data }).toEqual({
      status: 200,
      data: {
        tenants: { nodes: [{ id: ada.tenant_id }] },
        users: { nodes: [{ username: 'ada' }] },
      },
    });
  });

  test('acts for its user if it has one', async () => {
    const { key } = await makeKey({ user_id: ada.user_id });
    const query =
      'mutation { startSession(input: { agent: "development" }) { result { userId tenantId } } }';
    const { data, errors } = await ask(api, query, {}, key);
    expect({ data, errors }).toEqual({
      data: { startSession: { result: { userId: ada.user_id, tenantId: ada.tenant_id } } },
      errors: [],
    });
  });

  test('is limited by its role, its scopes and its user', async () => {
    const write =
      'mutation { createModel(input: { model: { name: "x", provider: "openai", model: "x" } }) { model { id } } }';
    const run = 'mutation { run(input: { agent: "development", input: "x" }) { result { id } } }';
    for (const [values, expected] of [
      [{ role: 'owner' }, [undefined, undefined]],
      [{ role: 'owner', scopes: ['run'] }, [undefined, 'HWDEN']],
      [{ role: 'owner', scopes: ['read'] }, ['HWDEN', 'HWDEN']],
      [{ role: 'viewer' }, ['HWDEN', 'HWDEN']],
      [{ role: 'member', user_id: ada.user_id }, [undefined, 'HWDEN']],
    ] as const) {
      const { key } = await makeKey(values);
      const codes = [];
      for (const query of [run, write]) {
        const { errors } = await ask(api, query.replace('"x"', `"${codes.length}"`), {}, key);
        codes.push(errors[0]?.extensions.code);
      }
      expect({ values, codes }).toEqual({ values, codes: expected });
      await db.pool.query(`delete from howdah.models where tenant_id = $1 and name <> 'default'`, [
        ada.tenant_id,
      ]);
    }
  });

  test('creates another key over GraphQL, shown once and not listed in rows', async () => {
    const { key } = await makeKey({ role: 'admin' });
    const make = `mutation { createApiKey(input: { name: "ci", role: admin, scopes: ["run"] }) {
      result { id key prefix scopes } } }`;
    const { data, errors } = await ask(api, make, {}, key);
    expect(errors).toEqual([]);
    const made = data.createApiKey.result;
    expect(made.scopes).toEqual(['read', 'run']);
    expect((await ask(api, WHO, {}, made.key)).status).toBe(200);
    const list = '{ apiKeys(orderBy: ID_DESC, first: 1) { nodes { id prefix } } }';
    expect((await ask(api, list, {}, key)).data.apiKeys.nodes).toEqual([
      { id: made.id, prefix: made.prefix },
    ]);
    // the scopes of the key allow only runs
    const { data: seen } = await ask(api, list, {}, made.key);
    expect(seen.apiKeys.nodes).toEqual([{ id: made.id, prefix: made.prefix }]);
  });

  test('passes the client, key id, scopes, role and user of a request to the database', async () => {
    await db.pool.query(`
      create table public.seen (row jsonb);
      grant insert on public.seen to public;
      create function public.note() returns trigger language plpgsql as $$ begin
        insert into public.seen select jsonb_object_agg(s, current_setting('howdah.' || s, true))
        from unnest(array['client', 'api_key_id', 'scopes', 'role', 'user_id']) as s;
        return new;
      end $$;
      create trigger _999_note after insert on howdah.sessions for each row execute function public.note()`);
    const { id, key } = await makeKey({ scopes: ['run'] });
    const socket = openSocket(api, {}, { authorization: `Bearer ${key}` });
    const start = 'mutation { startSession(input: { agent: "development" }) { result { id } } }';
    await ask(api, start, {}, key);
    await new Promise<void>((resolve, reject) => {
      const sink = { next() {}, error: reject, complete: resolve };
      socket.client.subscribe({ query: start }, sink);
    });
    await ask(api, start, {}, await tokenFor(ada));
    const { rows } = await db.pool.query('select row from public.seen');
    const byKey = {
      client: 'graphql 127.0.0.1',
      api_key_id: id,
      scopes: 'read,run',
      role: 'member',
      user_id: '',
    };
    expect(rows.map(({ row }) => row)).toEqual([
      byKey,
      byKey,
      { ...byKey, api_key_id: '', scopes: '', user_id: ada.user_id },
    ]);
    await db.pool.query('drop trigger _999_note on howdah.sessions');
    await socket.client.dispose();
  });
});

test('a server that requires a login starts without a JWT secret once an API key exists', async () => {
  const other = await createTestDatabase();
  const keyless = { auth: 'required' } as const;
  const refused = startTestApi(other.url, keyless);
  await expect(refused).rejects.toMatchObject({
    code: 'HWDEN',
    hint: expect.stringContaining('HOWDAH_JWT_SECRET'),
  });
  const { rows } = await other.pool.query('select id from howdah.tenants');
  const { key } = await makeApiKey(other.pool, rows[0].id);
  const started = await startTestApi(other.url, keyless);
  expect((await ask(started, WHO, {}, key)).status).toBe(200);
  expect((await ask(started, WHO)).status).toBe(401);
  await started.close();
  await other.drop();
});

describe('rejected keys', () => {
  test('a typing error, a wrong secret and an unknown id get the same message', async () => {
    const { key } = await makeKey();
    const wrong = [
      alterKey(key, 6),
      alterKey(key, 30),
      alterKey(key, key.length - 1),
      key.slice(0, -1),
      `${key}0`,
      'hwd_',
      `hwd_${'x'.repeat(100_000)}`,
      await fixChecksum(alterKey(key, 6)),
      await fixChecksum(alterKey(key, 30)),
    ];
    const answers = new Set<string>();
    for (const one_ of wrong) answers.add(JSON.stringify(await responseTo(one_)));
    expect([...answers].map((answer) => JSON.parse(answer))).toEqual([
      expect.objectContaining({ status: 401, code: 'HWDEN', reason: 'invalid' }),
    ]);
    expect((await ask(api, WHO, {}, key)).status).toBe(200);
  });

  test.each<[string, string, string]>([
    ['revoked', 'select howdah.revoke_api_key($1)', 'revoked'],
    ['expired', `update howdah.api_keys set expires_at = now() where id = $1`, 'expired'],
    [
      'owned by an inactive user',
      'update howdah.users as u set is_active = false from howdah.api_keys as k where k.id = $1 and u.id = k.user_id',
      'unknown',
    ],
    [
      'owned by an inactive tenant',
      'update howdah.tenants as t set is_active = false from howdah.api_keys as k where k.id = $1 and t.id = k.tenant_id',
      'unknown',
    ],
  ])(
    'a key that is %s loses access within a second, also on open sockets',
    async (_what, text, reason) => {
      const person = await makePerson(db.pool, 'eve', await makeTenant(db.pool));
      const values = { user_id: person.user_id, expires_at: new Date(Date.now() + 3_600_000) };
      const { id, key } = await makeApiKey(db.pool, person.tenant_id, values);
      const { key: other } = await makeKey();
      const [theirs, lasting] = [key, other].map((one_) =>
        openSocket(api, {}, { authorization: `Bearer ${one_}` }),
      ) as [ReturnType<typeof openSocket>, ReturnType<typeof openSocket>];
      followSteps(
        theirs,
        await makeRun(db.pool, {
          tenant_id: person.tenant_id,
          agent_id: await development(person),
        }),
      );
      followSteps(
        lasting,
        await makeRun(db.pool, { tenant_id: ada.tenant_id, agent_id: await development(ada) }),
      );
      await until(() => theirs.socket().readyState === WebSocket.OPEN);
      await until(() => lasting.socket().readyState === WebSocket.OPEN);
      expect((await ask(api, WHO, {}, key)).status).toBe(200);
      const said = Promise.withResolvers<string>();
      theirs.socket().once('close', (_code, words) => said.resolve(String(words)));
      await db.pool.query(text, [id]);
      while ((await ask(api, WHO, {}, key)).status === 200);
      const answer = (await responseTo(key)) as { detail: string };
      expect(answer).toMatchObject({ status: 401, reason });
      expect(await theirs.closed).toBe(reason === 'expired' ? 4403 : 4401);
      expect(await said.promise).toBe(answer.detail);
      expect(2 * FRESH_MS).toBeLessThan(1_000); // one cached lookup, and one check of the socket
      expect(lasting.socket().readyState).toBe(WebSocket.OPEN);
      await lasting.client.dispose();
    },
  );
});

describe('the key reader', () => {
  const trouble: unknown[] = [];
  const note = (error: unknown) => {
    trouble.push(error);
  };
  let pool: Pool;
  let queries: string[];
  let read: ReadApiKey;
  beforeAll(() => {
    pool = createPool({ url: db.url, applicationName: 'test', max: 1 });
    const query = pool.query.bind(pool) as (...args: unknown[]) => Promise<unknown>;
    pool.query = ((text: string, values: unknown[]) => {
      queries.push(text);
      return query(text, values);
    }) as typeof pool.query;
  });
  beforeEach(() => {
    queries = [];
    read = createKeyReader(pool, tokenOptions, note);
  });
  afterEach(() => expect(trouble.splice(0)).toEqual([]));
  afterAll(() => pool.end());

  const lookups = () => queries.filter((text) => text.includes('left join howdah.api_keys')).length;

  test('queries once for an unknown id or a wrong secret, and never for a typing error', async () => {
    const { key } = await makeKey();
    expect(await read(key)).toMatchObject({ ok: true });
    expect(lookups()).toBe(1);
    for (const place of [6, 30]) {
      const wrong = await fixChecksum(alterKey(key, place));
      const before = lookups();
      expect(await read(wrong)).toMatchObject({ refusal: { reason: 'invalid' } });
      // the cache entry of the right key is not used for a wrong one
      expect(lookups()).toBe(before + 1);
      expect(await read(alterKey(key, place))).toMatchObject({ refusal: { reason: 'invalid' } });
      expect(lookups()).toBe(before + 1);
    }
  });

  test('loads keys that arrive together in one query', async () => {
    const keys = await Promise.all(Array.from({ length: 20 }, () => makeKey()));
    const verdicts = await Promise.all([...keys, ...keys].map(({ key }) => read(key)));
    expect(verdicts.map((verdict) => verdict.ok && verdict.value.apiKeyId)).toEqual(
      [...keys, ...keys].map(({ id }) => id),
    );
    expect(lookups()).toBe(1);
  });

  test('records the use of a key once a minute without waiting for row locks', async () => {
    const { id, key } = await makeKey();
    const usedAt = async () => {
      const text = 'select last_used_at as at from howdah.api_keys where id = $1';
      // reads on the only connection, hence after the update
      return (await one(pool, text, [id])).at;
    };
    const again = () => createKeyReader(pool, tokenOptions, note)(key);
    await committed(db.pool, async (client) => {
      await client.query('select 1 from howdah.api_keys where id = $1 for update', [id]);
      expect(await read(key)).toMatchObject({ ok: true });
      expect(await usedAt()).toBeNull();
    });
    await read(key);
    expect(await usedAt()).toBeNull(); // this reader tries again in a minute
    await again();
    const first = await usedAt();
    expect(first).not.toBeNull();
    await again();
    expect(await usedAt()).toEqual(first);
    await db.pool.query(
      `update howdah.api_keys set last_used_at = last_used_at - interval '61 seconds' where id = $1`,
      [id],
    );
    await again();
    expect((await usedAt()).getTime()).toBeGreaterThan(first.getTime() - 1);
  });

  test('accepts a good key and rejects a bad one where a login is optional', async () => {
    const login = createLogin({
      auth: 'none',
      readToken: createTokenReader({ jwtSecret: undefined, jwksUrl: undefined }, note),
      readKey: read,
      exists: createAccountStatus(pool),
      defaultTenantId: randomUUID(),
      onTrouble: note,
    });
    const { id, key } = await makeKey();
    expect(await login(`Bearer ${key}`)).toMatchObject({
      value: { tenantId: ada.tenant_id, apiKeyId: id },
    });
    expect(await login(`Bearer ${alterKey(key, 20)}`)).toMatchObject({
      refusal: { status: 401, reason: 'invalid' },
    });
  });

  test('returns 503 while the database is unreachable', async () => {
    const { key } = await makeKey();
    const gone = createPool({ url: 'postgres://127.0.0.1:9/x', applicationName: 'test', max: 1 });
    const verdict = await createKeyReader(gone, tokenOptions, note)(key);
    expect(verdict).toMatchObject({ ok: false, refusal: { status: 503, reason: 'unreachable' } });
    expect(trouble.splice(0)).toHaveLength(1);
    await gone.end();
  });
});

async function development({ tenant_id }: Person): Promise<string> {
  const text = `select id from howdah.agents where tenant_id = $1 and name = 'development'`;
  return (await one(db.pool, text, [tenant_id])).id;
}
