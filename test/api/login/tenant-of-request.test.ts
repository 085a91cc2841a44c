import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeApiKey, makeRun, makeTenant } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import {
  ask,
  driveRun,
  follow,
  followSteps,
  openSocket,
  startTestApi,
  UPDATED,
  until,
} from '../harness.ts';
import { makePerson, type Person, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

type Party = {
  person: Person;
  token: string;
  agentId: string;
  name: string;
  /** Keys of the tenant, of the user, and a read-only key. */
  keys: { ofTenant: string; ofUser: string; reading: string };
};

const db = testDatabase();
let api: ApiServer;
let parties: [Party, Party];
/** Pool of the API, which has one connection. */
let pool: pg.Pool;

beforeAll(async () => {
  const connect = vi.spyOn(pg.Pool.prototype, 'connect');
  api = await startTestApi(db.url, { ...tokenOptions, bounds: { connections: 1, waitMs: 60_000 } });
  const pools = connect.mock.contexts as { options: { application_name?: string } }[];
  pool = pools.find(({ options }) => options.application_name === 'howdah-api') as pg.Pool;
  connect.mockRestore();
  parties = [await makeParty('ada'), await makeParty('bob')];
});

afterAll(async () => {
  await api?.close();
});

async function makeParty(name: string): Promise<Party> {
  const tenant_id = await makeTenant(db.pool);
  const person = await makePerson(db.pool, name, tenant_id);
  const agentId = await makeAgent(db.pool, { tenant_id });
  const keyOf = async (values: object) => (await makeApiKey(db.pool, tenant_id, values)).key;
  const keys = {
    ofTenant: await keyOf({ role: 'admin' }),
    ofUser: await keyOf({ user_id: person.user_id }),
    reading: await keyOf({ scopes: ['read'] }),
  };
  return { person, token: await tokenFor(person), agentId, name, keys };
}

const otherThan = (party: Party) => (party === parties[0] ? parties[1] : parties[0]);

const INSERT = `mutation ($agentId: UUID!) {
  createExecution(input: { execution: { agentId: $agentId, input: "hi" } }) {
    execution { tenantId createdBy userId }
  }
}`;

/** Each kind of request, with results that depend on tenant and user. */
const requests: ((party: Party) => Promise<void>)[] = [
  async ({ person, token }) => {
    const { data } = await ask(
      api,
      '{ tenants { nodes { id } } users { nodes { id } } }',
      {},
      token,
    );
    expect(data).toEqual({
      tenants: { nodes: [{ id: person.tenant_id }] },
      users: { nodes: [{ id: person.user_id }] },
    });
  },
  async ({ person, token, agentId, name }) => {
    const { data } = await ask(api, INSERT, { agentId }, token);
    expect(data.createExecution.execution).toMatchObject({
      tenantId: person.tenant_id,
      createdBy: name,
    });
  },
  async (party) => {
    const { agentId } = otherThan(party);
    const { errors } = await ask(api, INSERT, { agentId }, party.token);
    expect(errors).toMatchObject([{ extensions: { code: 'HWNTF' } }]);
  },
  async ({ person, agentId }) => {
    const token = await tokenFor(person, { user_id: undefined });
    const { data } = await ask(api, INSERT, { agentId }, token);
    const { execution } = data.createExecution;
    expect(execution).toMatchObject({ tenantId: person.tenant_id, userId: null });
    expect(['ada', 'bob']).not.toContain(execution.createdBy);
  },
  async (party) => {
    const query = 'query ($id: UUID!) { agent(id: $id) { id } }';
    expect((await ask(api, query, { id: otherThan(party).agentId }, party.token)).data).toEqual({
      agent: null,
    });
  },
  async ({ person, agentId, name, keys }) => {
    for (const [key, createdBy, userId] of [
      [keys.ofUser, name, person.user_id],
      [keys.ofTenant, expect.not.stringMatching(/^(ada|bob)$/), null],
    ] as const) {
      const { data } = await ask(api, INSERT, { agentId }, key);
      expect(data.createExecution.execution).toEqual({
        tenantId: person.tenant_id,
        createdBy,
        userId,
      });
    }
  },
  async ({ agentId, keys }) => {
    const { errors } = await ask(api, INSERT, { agentId }, keys.reading);
    expect(errors).toMatchObject([{ extensions: { code: 'HWDEN', detail: { scopes: 'read' } } }]);
  },
  async ({ person, keys }) => {
    const { data } = await ask(api, '{ apiKeys { nodes { tenantId } } }', {}, keys.ofTenant);
    expect(data.apiKeys.nodes).toEqual(Array(3).fill({ tenantId: person.tenant_id }));
  },
  async ({ keys }) => {
    const twice = `mutation {
      createModel(input: { model: { name: "default", provider: "local", model: "x" } }) { model { id } }
    }`;
    const { errors } = await ask(api, twice, {}, keys.ofTenant);
    expect(errors).toMatchObject([{ extensions: { code: 'HWCNF' } }]);
  },
  ...[0, 1, 5].map((turns) => async ({ token }: Party) => {
    const leaving = new AbortController();
    const response = fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: JSON.stringify({ query: '{ tenants { nodes { id } } executions { nodes { id } } }' }),
      signal: leaving.signal,
    }).catch(() => 'left');
    for (let turn = 0; turn < turns; turn += 1) await new Promise((done) => setImmediate(done));
    leaving.abort();
    expect(await response).toBe('left');
  }),
];

/** Returns the settings left on the connection after a request, once it is free. */
async function readSettings() {
  const { rows } = await pool.query(`
    select name, current_setting(name, true) as value
    from unnest(array['role', 'statement_timeout', 'howdah.tenant_id', 'howdah.user_id', 'howdah.role',
      'howdah.scopes', 'howdah.api_key_id', 'howdah.owns_machine', 'howdah.without_login', 'howdah.client', 'howdah.pinned_tenant']) as name
    where coalesce(current_setting(name, true), '') not in ('', 'howdah_authenticator', '0')`);
  return rows;
}

test('interleaved requests of two tenants on one connection reveal nothing to each other', async () => {
  for (let round = 0; round < 3; round += 1) {
    const all = [...requests, ...requests, ...requests].flatMap((request) =>
      parties.map(async (party) => {
        await request(party);
        expect(await readSettings()).toEqual([]);
      }),
    );
    await Promise.all(all);
  }
  const { rows } = await db.pool.query(
    `select count(*)::int as connections from pg_stat_activity
     where datname = current_database() and application_name = 'howdah-api'`,
  );
  expect(rows).toEqual([{ connections: 1 }]);
});

test('a connection without a tenant has no access to tables', async () => {
  const { rows } = await pool.query('select current_user as role');
  expect(rows).toEqual([{ role: 'howdah_authenticator' }]);
  for (const table of ['tenants', 'users', 'executions', 'api_keys']) {
    await expect(pool.query(`select 1 from howdah.${table}`)).rejects.toMatchObject({
      code: '42501',
    });
  }
});

test('a subscription sees only its own tenant', async () => {
  const [ada, bob] = parties;
  const run = async ({ person: { tenant_id }, agentId: agent_id }: Party) =>
    makeRun(db.pool, { tenant_id, agent_id });
  const [hers, his] = [await run(ada), await run(bob)];
  const socketOf = ({ token }: Party) => openSocket(api, {}, { authorization: `Bearer ${token}` });
  const [adas, bobs] = [socketOf(ada), socketOf(bob)];
  const seen = [followSteps(adas, hers), followSteps(bobs, his)];
  const refused = [
    followSteps(adas, his),
    follow(adas, UPDATED, { id: his }),
    followSteps(bobs, hers),
    follow(bobs, UPDATED, { id: hers }),
  ];
  for (const one of refused) {
    await one.end;
    expect(one).toMatchObject({ items: [], errors: [{ extensions: { code: 'HWNTF' } }] });
  }
  for (const id of [hers, his]) {
    const driven = await driveRun(db.pool, id);
    await driven.steps(3);
    await driven.finish();
  }
  for (const one of seen) {
    expect(await one.end).toBe('completed');
    expect(one.items.map(({ seq }) => seq)).toEqual([1, 2, 3, 4]);
  }
  await until(() => refused.every(({ items }) => items.length === 0));
  await Promise.all([adas.client.dispose(), bobs.client.dispose()]);
});
