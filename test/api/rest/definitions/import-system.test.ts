import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { call } from '../call.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(() => api?.close());

const system = (name: string) => `version: v1\nname: ${name}\nagents: { cook: {} }`;
const importAs = (name: string, text: string, more: object = {}) =>
  call(api, 'POST', '/agent-systems/import', {
    ...{ name, text, origin: 'import fast-agent' },
    ...more,
  });
const names = async () =>
  (await db.pool.query('select name from howdah.agent_systems order by name')).rows.map(
    ({ name }) => name,
  );

test('an import of a name that is not the name in its text is refused', async () => {
  const byHand = await call(api, 'POST', '/agent-systems/apply', {
    files: [{ name: 'hand.yaml', text: system('hand') }],
  });
  expect(byHand.status).toBe(200);
  expect(await importAs('hand', system('hand'))).toMatchObject({
    status: 409,
    body: { code: 'HWCNF', detail: expect.stringContaining('does not come from an import') },
  });
  expect(await importAs('other', system('hand'))).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'name' },
  });
  expect(await names()).toEqual(['hand']);
});

test('a text without a last line break is imported', async () => {
  const text = system('kitchen').replace('cook', 'waiter');
  expect(await importAs('kitchen', text, { dry_run: true })).toMatchObject({
    status: 200,
    body: { systems: [{ name: 'kitchen', dry_run: true }] },
  });
  expect(await names()).toEqual(['hand']);
  expect((await importAs('kitchen', text)).status).toBe(200);
  expect((await importAs('kitchen', text)).status).toBe(200);
});
