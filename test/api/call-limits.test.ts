import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Api } from '../../src/api/server.ts';
import { makeTool, one, unique } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { ask, startTestApi } from './harness.ts';
import { claimsOf, locked, makePerson, sign } from './tokens.ts';

const db = testDatabase();
let api: Api;
let admin: string;
let member: string;

beforeAll(async () => {
  api = await startTestApi(db.url, locked);
  admin = await sign(claimsOf(await makePerson(db.pool, 'ada'), { role: 'admin' }));
  member = await sign(claimsOf(await makePerson(db.pool, 'bob'), { role: 'member' }));
  await db.pool.query(`update howdah.users set role = 'admin' where username = 'ada'`);
});
afterAll(async () => {
  await api?.close();
});

const CREATE = `mutation ($limit: CallLimitInput!) {
  createCallLimit(input: { callLimit: $limit }) { callLimit { id usage { atOnce lastMinute waiting } } }
}`;

test('limits of calls are made, changed, seen and deleted over GraphQL', async () => {
  const toolId = await makeTool(db.pool, { name: unique('t'), kind: 'custom' });
  const made = await ask(api, CREATE, { limit: { toolId, maxAtOnce: 2 } }, admin);
  const { id, usage } = made.data.createCallLimit.callLimit;
  expect(usage).toEqual({ atOnce: 0, lastMinute: 0, waiting: 0 });
  const changed = await ask(
    api,
    `mutation ($id: UUID!) { updateCallLimit(input: { id: $id, patch: { maxPerMinute: 9 } }) { callLimit { maxAtOnce maxPerMinute tool { id } } } }`,
    { id },
    admin,
  );
  expect(changed.data.updateCallLimit.callLimit).toEqual({
    maxAtOnce: 2,
    maxPerMinute: 9,
    tool: { id: toolId },
  });
  await ask(
    api,
    `mutation ($id: UUID!) { deleteCallLimit(input: { id: $id }) { callLimit { id } } }`,
    { id },
    admin,
  );
  expect((await one(db.pool, 'select count(*)::int as n from howdah.call_limits')).n).toBe(0);
});

test('one that says nothing, or comes from a member, is refused with the field and the fix', async () => {
  const toolId = await makeTool(db.pool, { name: unique('t'), kind: 'custom' });
  const empty = await ask(api, CREATE, { limit: { toolId } }, admin);
  expect(JSON.stringify(empty.errors)).toContain('max_at_once');
  const denied = await ask(api, CREATE, { limit: { toolId, maxAtOnce: 1 } }, member);
  expect(denied.errors?.[0]?.extensions?.code).toBe('HWDEN');
});
