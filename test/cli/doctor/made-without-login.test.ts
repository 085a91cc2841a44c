import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { madeWithoutLoginFinding } from '../../../src/cli/doctor/made-without-login.ts';
import { startTestApi } from '../../api/harness.ts';
import { call } from '../../api/rest/call.ts';
import { makePerson, tokenFor, tokenOptions } from '../../api/subscriptions/tokens.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();
/** A server without a login, and one that requires a login. */
let open: ApiServer;
let walled: ApiServer;

beforeAll(async () => {
  open = await startTestApi(db.url);
  walled = await startTestApi(db.url, tokenOptions);
});
afterAll(async () => {
  await open?.close();
  await walled?.close();
});

const NONE = 'a user, a key or a database login wrote each schedule and hook';
const schedule = { agent: 'development', cron: '0 0 1 1 *', input: 'x' };
const found = async () => (await madeWithoutLoginFinding(db.pool)).found;

test('schedules and hooks that were written without a login are named', async () => {
  expect(await found()).toBe(NONE);
  await db.pool.query(
    `insert into howdah.schedules (name, agent_id, cron, input)
     values ('of the owner', howdah.agent('development'), '0 0 1 1 *', 'x')`,
  );
  const { body: made } = await call(open, 'POST', '/api/schedules', { ...schedule, name: 'mine' });
  const { body: key } = await call(open, 'POST', '/api/api-keys', { name: 'k', role: 'owner' });
  await call(open, 'POST', '/api/webhooks', { url: 'https://example.com/x' }, { token: key.key });
  expect(await found()).toBe(
    'written without a user or a key of a login: schedule mine, webhook https://example.com/x',
  );

  const person = await makePerson(db.pool, 'boss');
  await db.pool.query(`update howdah.users set role = 'owner' where id = $1`, [person.user_id]);
  const token = await tokenFor(person, { role: 'owner' });
  const change = { input: 'y' };
  const changed = await call(walled, 'PATCH', `/api/schedules/${made.id}`, change, { token });
  expect(changed.status).toBe(200);
  await db.pool.query('update howdah.webhooks set is_active = false');
  expect(await found()).toBe(NONE);
});
