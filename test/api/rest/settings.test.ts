import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { testDatabase } from '../../support/database.ts';
import { ask as query, startTestApi } from '../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';
import { type CallOptions, call } from './call.ts';

const db = testDatabase();
let api: ApiServer;
const ask = (method: string, path: string, body?: unknown, options?: CallOptions) =>
  call(api, method, path, body, options);

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterEach(() => db.pool.query('delete from howdah.settings'));
afterAll(async () => {
  await api?.close();
});

test('settings are listed, set and reset by key', async () => {
  const listed = await ask('GET', '/api/settings');
  expect(listed.status).toBe(200);
  expect(listed.body.data.map(({ key }: { key: string }) => key)).toContain('tool_result_bytes');
  const DEFAULT = { key: 'max_depth', value: 8, source: 'default', minimum: 1, maximum: 32 };
  expect(await ask('GET', '/api/settings/max_depth')).toMatchObject({ status: 200, body: DEFAULT });
  for (const value of [4, 5]) {
    expect(await ask('PUT', '/api/settings/max_depth', { value })).toMatchObject({
      status: 200,
      body: { ...DEFAULT, value, source: 'tenant', default_value: 8 },
    });
  }
  expect((await ask('DELETE', '/api/settings/max_depth')).status).toBe(204);
  expect((await ask('GET', '/api/settings/max_depth')).body).toMatchObject(DEFAULT);
  expect(await ask('DELETE', '/api/settings/max_depth')).toMatchObject({
    status: 404,
    body: { code: 'HWNTF', detail: 'max_depth is not set for the tenant' },
  });
});

test('unknown keys and invalid values are rejected', async () => {
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const body = method === 'PUT' ? { value: 1 } : undefined;
    expect(await ask(method, '/api/settings/max_dept', body)).toMatchObject({
      status: 404,
      body: { code: 'HWNTF', hint: expect.stringContaining('max_depth') },
    });
  }
  expect(await ask('PUT', '/api/settings/max_depth', { value: 33 })).toMatchObject({
    status: 400,
    body: {
      code: 'HWINV',
      field: 'value',
      detail: 'max_depth must be a whole number from 1 to 32, not 33',
    },
  });
  for (const body of [{}, { value: '4' }, { value: null }, { value: 4, scope: 'system' }]) {
    expect(await ask('PUT', '/api/settings/max_depth', body)).toMatchObject({ status: 400 });
  }
});

test('settings are rows in GraphQL, and effective values are a list', async () => {
  const made = await query(
    api,
    `mutation { createSetting(input: {setting: {key: "model_attempts", value: 2}}) { setting { id key value scope } } }`,
  );
  expect(made).toMatchObject({
    data: { createSetting: { setting: { key: 'model_attempts', value: 2, scope: 'tenant' } } },
  });
  const held = await query(
    api,
    `{ settingValues(condition: {key: "model_attempts"}) { nodes { value source maximum } } }`,
  );
  expect(held).toMatchObject({
    data: { settingValues: { nodes: [{ value: 2, source: 'tenant' }] } },
  });
  const system = await query(
    api,
    `mutation { createSetting(input: {setting: {scope: system, key: "max_steps", value: 2}}) { setting { id } } }`,
  );
  expect(system).toMatchObject({ errors: [{ extensions: { code: 'HWDEN' } }] });
});

test('members read settings, and admins write them', async () => {
  const shut = await startTestApi(db.url, tokenOptions);
  try {
    const [ada, grace] = [await makePerson(db.pool, 'ada'), await makePerson(db.pool, 'grace')];
    await db.pool.query(`update howdah.users set role = 'admin' where id = $1`, [grace.user_id]);
    const member = { token: await tokenFor(ada) };
    const admin = { token: await tokenFor(grace, { role: 'admin' }) };
    const place = '/api/settings/max_steps';
    expect((await call(shut, 'GET', place, undefined, member)).status).toBe(200);
    expect(await call(shut, 'PUT', place, { value: 7 }, member)).toMatchObject({ status: 403 });
    expect(await call(shut, 'PUT', place, { value: 7 }, admin)).toMatchObject({
      body: { value: 7, source: 'tenant' },
    });
    expect(await call(shut, 'DELETE', place, undefined, member)).toMatchObject({ status: 403 });
    expect((await call(shut, 'DELETE', place, undefined, admin)).status).toBe(204);
  } finally {
    await shut.close();
  }
});
