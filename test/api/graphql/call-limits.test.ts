import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeTool, one, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { claimsOf, makePerson, sign, tokenOptions } from '../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;
let admin: string;
let member: string;

beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
  admin = await sign(claimsOf(await makePerson(db.pool, 'ada'), { role: 'admin' }));
  member = await sign(claimsOf(await makePerson(db.pool, 'bob'), { role: 'member' }));
  await db.pool.query(`update howdah.users set role = 'admin' where username = 'ada'`);
});
afterAll(async () => {
  await api?.close();
});

const CREATE = `mutation ($limit: LimitInput!) {
  createLimit(input: { limit: $limit }) { limit { id usage { used remaining waiting } } }
}`;

test('limits of concurrent calls are created, updated, read and deleted over GraphQL', async () => {
  const subjectId = await makeTool(db.pool, { name: unique('t'), kind: 'custom' });
  const limit = { scope: 'tool', subjectId, metric: 'running_calls', maxValue: '2' };
  const made = await ask(api, CREATE, { limit }, admin);
  expect(made.errors).toEqual([]);
  const { id, usage } = made.data.createLimit.limit;
  expect(usage).toEqual({ used: '0', remaining: '2', waiting: 0 });
  const changed = await ask(
    api,
    `mutation ($id: UUID!) { updateLimit(input: { id: $id, patch: { maxValue: "9" } }) { limit { maxValue metric tool { id } } } }`,
    { id },
    admin,
  );
  expect(changed.data.updateLimit.limit).toEqual({
    maxValue: '9',
    metric: 'running_calls',
    tool: { id: subjectId },
  });
  await ask(
    api,
    `mutation ($id: UUID!) { deleteLimit(input: { id: $id }) { limit { id } } }`,
    { id },
    admin,
  );
  expect((await one(db.pool, 'select count(*)::int as n from howdah.limits')).n).toBe(0);
});

test('rejects a limit without a subject, or from a member, with field and hint', async () => {
  const subjectId = await makeTool(db.pool, { name: unique('t'), kind: 'custom' });
  const calls = { scope: 'tool', metric: 'running_calls', maxValue: '1' };
  const empty = await ask(api, CREATE, { limit: calls }, admin);
  expect(JSON.stringify(empty.errors)).toContain('Set subject_id');
  const denied = await ask(api, CREATE, { limit: { ...calls, subjectId } }, member);
  expect(denied.errors?.[0]?.extensions?.code).toBe('HWDEN');
});
