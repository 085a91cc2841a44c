import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../../../src/api/server.ts';
import { makeAgent, makeRun, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import {
  type Followed,
  follow,
  followSteps,
  openSocket,
  type Socket,
  startTestApi,
  UPDATED,
  until,
} from '../../harness.ts';
import { makePerson, type Person, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
  ada = await makePerson(db.pool, 'ada');
  bob = await makePerson(db.pool, 'bob');
});
afterAll(async () => {
  await api?.close();
});

const MESSAGES = `subscription ($id: UUID!) { sessionMessages(sessionId: $id) { seq } }`;
const TOKENS = `subscription ($id: UUID!) { executionTokens(executionId: $id) { text } }`;

const grant = (agent: string, user: string) =>
  db.pool.query(
    `insert into howdah.grants (agent_id, user_id, permission) values ($1, $2, 'read')`,
    [agent, user],
  );

/** Subscribes to everything that belongs to an agent. */
async function followAll(socket: Socket, agent: string): Promise<Followed[]> {
  const run = await makeRun(db.pool, { agent_id: agent });
  const session = await one(
    db.pool,
    `insert into howdah.sessions (agent_id) values ($1) returning id`,
    [agent],
  );
  const all = [
    followSteps(socket, run),
    follow(socket, UPDATED, { id: run }),
    follow(socket, TOKENS, { id: run }),
    follow(socket, MESSAGES, { id: session.id }),
  ];
  await until(() => all[1]?.items.length === 1);
  return all;
}

const openFor = async (person: Person, claims = {}) =>
  openSocket(api, {}, { authorization: `Bearer ${await tokenFor(person, claims)}` });

test.each<[string, (agent: string) => Promise<unknown>]>([
  [
    'after a user loses a grant',
    (agent) =>
      db.pool.query('delete from howdah.grants where agent_id = $1 and user_id = $2', [
        agent,
        ada.user_id,
      ]),
  ],
  [
    'after a user loses the role that has a grant',
    async (agent) => {
      await db.pool.query(
        `insert into howdah.grants (agent_id, role, permission) values ($1, 'member', 'read')`,
        [agent],
      );
      await db.pool.query('delete from howdah.grants where agent_id = $1 and user_id = $2', [
        agent,
        ada.user_id,
      ]);
      await db.pool.query(`update howdah.users set role = 'viewer' where id = $1`, [ada.user_id]);
    },
  ],
])('%s, subscriptions without access end, and others continue', async (_what, takeAway) => {
  const agent = await makeAgent(db.pool);
  await grant(agent, ada.user_id);
  await grant(agent, bob.user_id);
  const open = await makeAgent(db.pool);
  const [hers, his] = [await openFor(ada), await openFor(bob)];
  const lost = await followAll(hers, agent);
  const remaining = [...(await followAll(hers, open)), ...(await followAll(his, agent))];
  await takeAway(agent);
  await Promise.all(lost.map(({ end }) => end));
  for (const { errors } of lost) {
    expect(errors).toMatchObject([{ extensions: { code: 'HWNTF' } }]);
  }
  expect(remaining.flatMap(({ errors }) => errors)).toEqual([]);
  expect(hers.socket().readyState).toBe(WebSocket.OPEN);
  await Promise.all([hers.client.dispose(), his.client.dispose()]);
  await db.pool.query(`update howdah.users set role = 'member' where id = $1`, [ada.user_id]);
});

test('subscriptions end when an agent becomes restricted to others', async () => {
  const agent = await makeAgent(db.pool);
  const [hers, boss] = [await openFor(ada), await makePerson(db.pool, 'eve')];
  await db.pool.query(`update howdah.users set role = 'admin' where id = $1`, [boss.user_id]);
  const theirs = await openFor(boss, { role: 'admin' });
  const [lost, remaining] = [await followAll(hers, agent), await followAll(theirs, agent)];
  await grant(agent, bob.user_id);
  await Promise.all(lost.map(({ end }) => end));
  expect(remaining.flatMap(({ errors }) => errors)).toEqual([]);
  await Promise.all([hers.client.dispose(), theirs.client.dispose()]);
});

test('a subscription ends when its session moves to a hidden agent', async () => {
  const [agent, hidden] = [await makeAgent(db.pool), await makeAgent(db.pool)];
  await grant(hidden, bob.user_id);
  const socket = await openFor(ada);
  const all = await followAll(socket, agent);
  await db.pool.query('update howdah.sessions set agent_id = $2 where agent_id = $1', [
    agent,
    hidden,
  ]);
  await all[3]?.end;
  expect(all[3]?.errors).toMatchObject([{ message: expect.stringContaining('no session') }]);
  expect(all[0]?.errors).toEqual([]);
  await socket.client.dispose();
});
