import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { makeHook, masterKeys, send, storeSecrets } from './support.ts';

const db = testDatabase();
let api: ApiServer;
let agent: string;

beforeAll(async () => {
  api = await startTestApi(db.url, { masterKeys });
  await storeSecrets(db.pool, (await one(db.pool, 'select howdah.current_tenant() as id')).id);
  agent = await makeAgent(db.pool);
});
afterAll(async () => {
  await api?.close();
});

test('hooks are created, changed, replaced and deleted like other rows', async () => {
  const made = await call(api, 'POST', '/api/inbound-hooks', {
    name: 'issues',
    verification: 'github',
    secret_name: 'github',
    agent_id: agent,
    mapping: { input: 'body.issue.title' },
  });
  expect(made).toMatchObject({ status: 201, body: { path: '/hooks/issues', is_active: true } });
  const place = made.headers.get('location') ?? '';
  const changed = await call(api, 'PATCH', place, { condition: "body.action == 'opened'" });
  expect(changed.body).toMatchObject({ condition: "body.action == 'opened'" });
  expect((await call(api, 'PUT', place, changed.body)).status).toBe(200);
  const listed = await call(api, 'GET', '/api/inbound-hooks?verification=github');
  expect(listed.body.data).toMatchObject([{ name: 'issues' }]);
  const tried = await call(api, 'POST', `${place}/test`, {
    body: { action: 'opened', issue: { title: 'It fails' } },
    headers: { 'X-GitHub-Event': 'issues' },
  });
  expect(tried.body).toEqual({ result: 'accepted', values: { input: 'It fails' } });
  const failed = await call(api, 'POST', `${place}/test`, { body: { action: 'opened' } });
  expect(failed.body).toMatchObject({ result: 'failed', field: 'mapping.input' });
  const ignored = await call(api, 'POST', `${place}/test`, { body: { action: 'closed' } });
  expect(ignored.body).toMatchObject({ result: 'ignored' });
  expect((await call(api, 'DELETE', place)).status).toBe(204);
  expect((await call(api, 'POST', `${place}/test`, { body: {} })).status).toBe(404);
});

test.each([
  [{ condition: 'body.(' }, { code: 'HWINV', field: 'condition' }],
  [{ mapping: { input: 'body.[' } }, { code: 'HWINV', field: 'mapping.input' }],
  [{ mapping: { body: 'body' } }, { code: 'HWINV', field: 'mapping.body' }],
  [{ reply: { url: 'https://slack.com/x', body: '{' } }, { field: 'reply.body' }],
  [{ secret_name: 'missing' }, { code: 'HWNTF' }],
  [{ verification: 'none' }, { field: 'verification' }],
])('a hook with %j is rejected', async (columns, problem) => {
  const hook = { name: 'x', verification: 'github', secret_name: 'github', agent_id: agent };
  const { status, body } = await call(api, 'POST', '/api/inbound-hooks', { ...hook, ...columns });
  expect(body).toMatchObject(problem);
  expect([400, 404]).toContain(status);
});

test('deliveries are listed and shown, over REST and GraphQL', async () => {
  const hook = await makeHook(db.pool, 'shared_secret', { agent_id: agent });
  const sent = await send(api, hook.path, 'shared_secret', {}, { id: 'first' });
  const listed = await call(api, 'GET', `/api/inbound-deliveries?inbound_hook_id=${hook.id}`);
  expect(listed.body.data).toMatchObject([
    { status: 'accepted', delivery_id: 'first', execution_id: sent.body.execution_id, error: null },
  ]);
  const { id } = listed.body.data[0];
  expect((await call(api, 'GET', `/api/inbound-deliveries/${id}`)).body).toMatchObject({ id });
  const query = `query ($id: UUID!) {
    inboundHook(id: $id) { path agent { id } inboundDeliveries { nodes { id status } } } }`;
  expect((await ask(api, query, { id: hook.id })).data).toEqual({
    inboundHook: {
      path: hook.path,
      agent: { id: agent },
      inboundDeliveries: { nodes: [{ id, status: 'accepted' }] },
    },
  });
});
