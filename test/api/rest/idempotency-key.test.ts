import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeRun, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';
import { call } from './call.ts';

const db = testDatabase();
let api: ApiServer;
let shut: ApiServer;
const ask = (method: string, path: string, body: unknown, key?: string) =>
  call(api, method, path, body, key === undefined ? {} : { headers: { 'idempotency-key': key } });

beforeAll(async () => {
  api = await startTestApi(db.url);
  shut = await startTestApi(db.url, tokenOptions);
});
afterAll(async () => {
  await shut?.close();
  await api?.close();
});

const rows = async (table: string) =>
  (await one(db.pool, `select count(*)::int as rows from howdah.${table}`)).rows;

test('concurrent requests with one key create one row and return it to all', async () => {
  const before = await rows('sessions');
  const all = await Promise.all(
    Array.from({ length: 8 }, () => ask('POST', '/sessions', { title: 'Once' }, 'a')),
  );
  expect(await rows('sessions')).toBe(before + 1);
  const [first] = all;
  for (const { status, body, headers } of all) {
    expect({ status, body }).toEqual({ status: 201, body: first?.body });
    expect(headers.get('location')).toBe(`/sessions/${first?.body.id}`);
  }
});

test('a repeated message is added once', async () => {
  const { body: session } = await ask('POST', '/sessions', {});
  const path = `/sessions/${session.id}/messages`;
  const first = await ask('POST', path, { content: 'Hello.' }, 'b');
  const again = await ask('POST', path, { content: 'Hello.' }, 'b');
  expect(again).toMatchObject({ status: 202, body: first.body });
  const next = await ask('POST', path, { content: 'Hello.' }, 'c');
  expect(next.body.turn).toBe(2);
});

test('a key belongs to one request and is rejected with another', async () => {
  await ask('POST', '/api/agents', { name: 'keyed' }, 'd');
  const other = await ask('POST', '/api/agents', { name: 'other' }, 'd');
  expect(other).toMatchObject({ status: 409, body: { code: 'HWCNF', field: 'Idempotency-Key' } });
  const long = await ask('POST', '/api/agents', { name: 'other' }, 'x'.repeat(256));
  expect(long).toMatchObject({ status: 400, body: { code: 'HWINV', field: 'Idempotency-Key' } });
});

test('a rejected request may be sent again with its key', async () => {
  const refused = await ask('POST', '/api/agents', { name: 'late', model: 'later' }, 'e');
  expect(refused.status).toBe(404);
  await ask('POST', '/api/models', { name: 'later', provider: 'scripted', model: 'm' });
  expect((await ask('POST', '/api/agents', { name: 'late', model: 'later' }, 'e')).status).toBe(
    201,
  );
});

test('feedback is not stored with its key: a repetition returns the current feedback', async () => {
  const agent = await makeAgent(db.pool, { name: 'praised' });
  const run = await makeRun(db.pool, { agent_id: agent });
  const path = `/api/executions/${run}/feedback`;
  const said = { score: 1, comment: 'canary of feedback' };
  const first = await ask('POST', path, said, 'g');
  expect(await ask('POST', path, said, 'g')).toMatchObject({ status: 201, body: first.body });
  const stored = await one(
    db.pool,
    `select answer from howdah_private.request_keys where key = 'g'`,
  );
  expect(stored.answer).toEqual({ status: 201, body: { id: first.body.id } });
});

test('the keys of one user are unknown to another', async () => {
  const [ada, bob] = await Promise.all(
    ['ada', 'bob'].map(async (name) => tokenFor(await makePerson(db.pool, name))),
  );
  const headers = { 'idempotency-key': 'f' };
  const makeSession = async (token = '') =>
    (await call(shut, 'POST', '/sessions', { title: 'Mine' }, { token, headers })).body.id;
  expect(await makeSession(ada)).not.toBe(await makeSession(bob));
});

test('a key of one user does not reveal the output of its run to another', async () => {
  const [ada, bob] = await Promise.all(
    ['ada.runs', 'bob.runs'].map(async (name) => tokenFor(await makePerson(db.pool, name))),
  );
  await makeAgent(db.pool, { name: 'clerk' });
  const headers = { 'idempotency-key': 'hdr-1' };
  const post = (path: string, body: object, options: object) =>
    call(shut, 'POST', path, body, options);
  const said = { agent: 'development', message: 'Go.' };
  const first = await post('/api/execute', said, { token: bob, headers });
  expect(first.status).toBe(202);
  const id = first.body.execution_id;
  for (const [path, body, options] of [
    ['/api/execute', { ...said, agent: 'clerk' }, { headers }],
    ['/api/execute', said, { headers }],
    ['/api/execute', { ...said, idempotency_key: 'hdr-1' }, {}],
    ['/v1/responses', { model: 'development', input: 'Go.' }, { headers }],
  ] as const) {
    const refused = await post(path, body, { ...options, token: ada });
    expect(refused.status, path).toBe(409);
    expect(JSON.stringify(refused.body)).toContain('has already been used for another request');
  }
  expect((await post('/api/execute', said, { token: bob, headers })).body.execution_id).toBe(id);
  const reserved = { ...said, idempotency_key: 'schedule:x' };
  expect(await post('/api/execute', reserved, { token: bob })).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'idempotency_key' },
  });
});

test('a key expires after a day', async () => {
  const first = await ask('POST', '/sessions', { title: 'Daily' }, 'g');
  await db.pool.query(
    `update howdah_private.request_keys set created_at = now() - interval '25 hours' where key = 'g'`,
  );
  const next = await ask('POST', '/sessions', { title: 'Daily' }, 'g');
  expect(next.body.id).not.toBe(first.body.id);
});
