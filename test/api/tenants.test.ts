import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Api } from '../../src/api/server.ts';
import { makeAgent, makeRun, makeTenant } from '../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  ask,
  driveRun,
  follow,
  followSteps,
  openSocket,
  startTestApi,
  UPDATED,
  until,
} from './harness.ts';
import { locked, makePerson, type Person, tokenFor } from './tokens.ts';

type Party = { person: Person; token: string; agentId: string; name: string };

let db: TestDatabase;
let api: Api;
let parties: [Party, Party];

beforeAll(async () => {
  db = await createTestDatabase();
  api = await startTestApi(db.url, { ...locked, bounds: { connections: 1 } });
  parties = [await makeParty('ada'), await makeParty('bob')];
});

afterAll(async () => {
  await api?.close();
  await db?.drop();
});

async function makeParty(name: string): Promise<Party> {
  const tenant_id = await makeTenant(db.pool);
  const person = await makePerson(db.pool, name, tenant_id);
  const agentId = await makeAgent(db.pool, { tenant_id });
  return { person, token: await tokenFor(person), agentId, name };
}

const otherThan = (party: Party) => (party === parties[0] ? parties[1] : parties[0]);

const INSERT = `mutation ($agentId: UUID!) {
  createExecution(input: { execution: { agentId: $agentId, input: "hi" } }) {
    execution { tenantId createdBy userId }
  }
}`;

/** One of each kind of request, which all tell tenant and user apart. */
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
];

test('200 interleaved requests of two tenants on one connection tell nothing of each other', async () => {
  const all = Array.from({ length: 200 }, (_, index) => {
    const request = requests[index % requests.length];
    return request?.(parties[Math.floor(index / requests.length) % 2] ?? parties[0]);
  });
  await Promise.all(all);
  const { rows } = await db.pool.query(
    `select count(*)::int as connections from pg_stat_activity
     where datname = current_database() and application_name = 'howdah-api'`,
  );
  expect(rows).toEqual([{ connections: 1 }]);
});

test('a subscription sees its own tenant alone', async () => {
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
