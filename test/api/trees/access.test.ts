import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { openStream } from '../rest/events.ts';
import { makePerson, type Person, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';
import { makeAgentTree, type TreeAgents } from './agent-tree.ts';

// Visibility of the runs of a tree for different users.

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let agentNames: TreeAgents;
let ada: Person;
let bob: Person;

beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
  worker = await startTestWorker(db.url);
  agentNames = await makeAgentTree(db.pool);
  ada = await makePerson(db.pool, 'ada');
  bob = await makePerson(db.pool, 'bob');
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

/** Grants access to an agent to these users only. */
async function restrict(agent: string, ...people: Person[]): Promise<void> {
  await db.pool.query('delete from howdah.grants where agent_id = howdah.agent($1)', [agent]);
  for (const { user_id } of people) {
    await db.pool.query(
      `insert into howdah.grants (agent_id, user_id, permission) values (howdah.agent($1), $2, 'read')`,
      [agent, user_id],
    );
  }
}

async function finishedRun(): Promise<string> {
  const { id } = await one(db.pool, `select (howdah.run($1, 'Where?')).id`, [agentNames.boss]);
  const owner = await tokenFor(bob, { role: 'owner' });
  const stream = await openStream(api, `/api/executions/${id}/stream?tree=1`, { token: owner });
  const question = await stream.when(({ event }) => event === 'ask_user');
  await db.pool.query('select howdah.answer_question($1, $2)', [question.data.question_id, 'blue']);
  await stream.end;
  return id;
}

const treeFor = async (id: string, person: Person, lastEventId?: string) => {
  const token = await tokenFor(person);
  const options = { token, ...(lastEventId && { lastEventId }) };
  const stream = await openStream(api, `/api/executions/${id}/stream?tree=1`, options);
  await stream.end;
  return stream.events;
};

test('a child run of a hidden agent, and all below it, is left out', async () => {
  const id = await finishedRun();
  const whole = await treeFor(id, ada);
  const agentsOf = (events: typeof whole) => new Set(events.map(({ data }) => data.agent));
  expect(agentsOf(whole)).toEqual(new Set([agentNames.boss, agentNames.worker, agentNames.helper]));
  await restrict(agentNames.helper, bob);
  const withoutHelper = await treeFor(id, ada);
  expect(agentsOf(withoutHelper)).toEqual(new Set([agentNames.boss, agentNames.worker]));
  expect(withoutHelper.map(({ id: cursor }) => cursor)).toEqual(
    whole.filter(({ data }) => data.agent !== agentNames.helper).map(({ id: cursor }) => cursor),
  );
  expect(await treeFor(id, bob)).toEqual(whole);
  await restrict(agentNames.helper);
  await restrict(agentNames.worker, bob);
  const ofBoss = await treeFor(id, ada);
  expect(agentsOf(ofBoss)).toEqual(new Set([agentNames.boss]));
  expect(JSON.stringify(ofBoss)).not.toContain('I must ask.');
  expect(
    (await treeFor(id, ada, '2-1.1')).every(({ data }) => data.agent === agentNames.boss),
  ).toBe(true);
  await restrict(agentNames.worker, ada, bob);
  await restrict(agentNames.helper, ada, bob);
  expect(await treeFor(id, ada)).toEqual(whole);
});

test('the tree of another tenant is not found by any door', async () => {
  const id = await finishedRun();
  const tenant = await makeTenant(db.pool);
  const outsider = await makePerson(db.pool, 'stranger', tenant);
  const token = await tokenFor(outsider, { role: 'owner' });
  const path = `/api/executions/${id}/stream?tree=1`;
  expect(await call(api, 'GET', path, undefined, { token })).toMatchObject({
    status: 404,
    body: { code: 'HWNTF' },
  });
});
