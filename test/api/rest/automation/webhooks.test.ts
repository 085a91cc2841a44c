import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { connect } from '../../../../src/index.ts';
import { makeTenant } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { ask as askGraphql, startTestApi } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { type CallOptions, call } from '../call.ts';

const db = testDatabase();
let api: ApiServer;
const ask = (method: string, path: string, body?: unknown, options?: CallOptions) =>
  call(api, method, path, body, options);

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

async function insertEndedDelivery(webhook?: string): Promise<string> {
  const { rows } = await db.pool.query(
    `insert into howdah.webhook_deliveries (webhook_id, execution_id, event, url, payload, status, attempts, last_status)
     values ($1, howdah.uuid_v7(), 'execution.completed', 'https://erp.example.com/told', '{"type": "execution.completed"}', 'failed', 7, 503)
     returning id`,
    [webhook ?? null],
  );
  return rows[0].id;
}

test('webhooks are created, changed, replaced and deleted like other rows', async () => {
  const made = await ask('POST', '/api/webhooks', { url: 'https://erp.example.com/howdah' });
  expect(made).toMatchObject({
    status: 201,
    body: { events: ['execution.completed', 'execution.failed'], is_active: true },
  });
  const place = made.headers.get('location') ?? '';
  const changed = await ask('PATCH', place, { events: ['question.opened'], is_active: false });
  expect(changed.body).toMatchObject({ events: ['question.opened'], is_active: false });
  expect((await ask('PUT', place, changed.body)).status).toBe(200);
  const listed = await ask('GET', '/api/webhooks?is_active=false');
  expect(listed.body.data).toMatchObject([{ id: made.body.id }]);
  expect((await ask('DELETE', place)).status).toBe(204);
  expect((await ask('GET', place)).status).toBe(404);
});

test.each([
  [{ url: 'ftp://erp.example.com' }, { constraint: 'url_is_http' }],
  [{ url: 'https://erp.example.com', events: ['run.done'] }, { constraint: 'events_are_known' }],
  [{ url: 'https://erp.example.com', secret_name: 'nowhere' }, { code: 'HWNTF' }],
  [{ url: 'https://erp.example.com', secret: 'whsec_x' }, { field: 'secret' }],
  [{}, { field: 'url' }],
])('a webhook %j is rejected', async (body, problem) => {
  const { status, body: responseBody } = await ask('POST', '/api/webhooks', body);
  expect(responseBody).toMatchObject(problem);
  expect([400, 404]).toContain(status);
});

test('deliveries are listed, shown and sent again', async () => {
  const { body: hook } = await ask('POST', '/api/webhooks', { url: 'https://erp.example.com/a' });
  const [of, other] = [await insertEndedDelivery(hook.id), await insertEndedDelivery()];
  const ids = async (path: string) =>
    (await ask('GET', path)).body.data.map(({ id }: { id: string }) => id);
  expect(await ids(`/api/webhooks/${hook.id}/deliveries`)).toEqual([of]);
  expect(await ids('/api/webhook-deliveries?status=failed')).toEqual([other, of]);
  expect(await ids(`/api/webhook-deliveries?webhook_id=${hook.id}&event=question.opened`)).toEqual(
    [],
  );
  const again = await ask('POST', `/api/webhook-deliveries/${of}/redeliver`);
  expect(again).toMatchObject({ status: 200, body: { id: of, status: 'pending', attempts: 0 } });
  const shown = await connect(`http://127.0.0.1:${api.port}`).call('getWebhookDelivery', {
    params: { id: of },
  });
  expect(shown).toEqual(again.body);
  const page = await ask('GET', '/api/webhook-deliveries?limit=1');
  const next = await ask('GET', `/api/webhook-deliveries?limit=1&cursor=${page.body.next}`);
  expect(next.body.data[0].id).not.toBe(page.body.data[0].id);
});

test('the key of a new webhook is shown once, then only by a rotation', async () => {
  const made = await ask('POST', '/api/webhooks', { url: 'https://erp.example.com/keyed' });
  const { id, signing_key, secret_name } = made.body;
  expect(signing_key).toMatch(/^whsec_[\w+/]{43}=$/);
  expect(secret_name).toBe(`webhook-${id}`);
  const place = `/api/webhooks/${id}`;
  expect((await ask('GET', place)).body).not.toHaveProperty('signing_key');
  expect(await ask('POST', `${place}/signing-key`)).toMatchObject({
    status: 409,
    body: { code: 'HWCNF' },
  });
  const rotated = await ask('POST', `${place}/signing-key`, { rotate: true });
  expect(rotated).toMatchObject({
    status: 200,
    body: { secret_name: `webhook-${id}-2`, previous_secret_name: secret_name },
  });
  expect(rotated.body.signing_key).not.toBe(signing_key);
  expect((await ask('GET', place)).body).toMatchObject({ previous_secret_name: secret_name });
  expect((await ask('DELETE', place)).status).toBe(204);
  const left = await db.pool.query('select from howdah.secrets where name like $1', [
    `webhook-${id}%`,
  ]);
  expect(left.rowCount).toBe(0);
});

test('a repeated request for a webhook does not repeat its key', async () => {
  const send = () =>
    ask(
      'POST',
      '/api/webhooks',
      { url: 'https://erp.example.com/twice' },
      { headers: { 'idempotency-key': 'one' } },
    );
  const [first, again] = [await send(), await send()];
  expect(first.body.signing_key).toMatch(/^whsec_/);
  expect(again.body.id).toBe(first.body.id);
  expect(again.body).not.toHaveProperty('signing_key');
  const { rows } = await db.pool.query(
    'select r.answer::text from howdah_private.request_keys as r',
  );
  expect(JSON.stringify(rows)).not.toContain('whsec_');
});

test('a webhook of an insert and callbacks show their keys once', async () => {
  const { rows } = await db.pool.query(
    `insert into howdah.webhooks (url) values ('https://erp.example.com/sql') returning id`,
  );
  for (const path of [`/api/webhooks/${rows[0].id}`, '/api/callbacks']) {
    const shown = await ask('POST', `${path}/signing-key`);
    expect(shown.body.signing_key).toMatch(/^whsec_/);
    expect((await ask('POST', `${path}/signing-key`, {})).status).toBe(409);
  }
  expect((await ask('POST', '/api/callbacks/signing-key', { rotates: true })).status).toBe(400);
});

test('GraphQL shows the key of a new webhook once', async () => {
  const text = `mutation ($id: UUID, $rotate: Boolean) {
    issueSigningKey(input: { webhookId: $id, rotate: $rotate }) { signingKey secretName previousSecretName }
  }`;
  const { rows } = await db.pool.query(
    `insert into howdah.webhooks (url) values ('https://erp.example.com/gql') returning id`,
  );
  const { id } = rows[0];
  const shown = await askGraphql(api, text, { id });
  expect(shown.data.issueSigningKey).toMatchObject({
    signingKey: expect.stringMatching(/^whsec_/),
    secretName: `webhook-${id}`,
    previousSecretName: null,
  });
  const again = await askGraphql(api, text, { id });
  expect(again.errors[0]?.extensions).toMatchObject({ code: 'HWCNF' });
  const rotated = await askGraphql(api, text, { id, rotate: true });
  expect(rotated.data.issueSigningKey.previousSecretName).toBe(`webhook-${id}`);
});

test('only admins get keys, and only of their own webhooks', async () => {
  const { body: hook } = await ask('POST', '/api/webhooks', { url: 'https://erp.example.com/own' });
  const shut = await startTestApi(db.url, tokenOptions);
  const path = `/api/webhooks/${hook.id}/signing-key`;
  try {
    const member = await tokenFor(await makePerson(db.pool, 'ada'));
    for (const of of [path, '/api/callbacks/signing-key']) {
      const answer = await call(shut, 'POST', of, { rotate: true }, { token: member });
      expect(answer).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    }
    const outsider = await makePerson(db.pool, 'eve', await makeTenant(db.pool));
    await db.pool.query(`update howdah.users set role = 'owner' where id = $1`, [outsider.user_id]);
    const foreign = await tokenFor(outsider, { role: 'owner' });
    const answer = await call(shut, 'POST', path, { rotate: true }, { token: foreign });
    expect(answer).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
  } finally {
    await shut.close();
  }
});

test('members can neither see nor write webhooks', async () => {
  const shut = await startTestApi(db.url, tokenOptions);
  try {
    const token = await tokenFor(await makePerson(db.pool, 'mia'));
    const body = { url: 'https://erp.example.com/howdah' };
    expect(await call(shut, 'POST', '/api/webhooks', body, { token })).toMatchObject({
      status: 403,
      body: { code: 'HWDEN' },
    });
    for (const path of ['/api/webhooks', '/api/webhook-deliveries']) {
      const { status, body: responseBody } = await call(shut, 'GET', path, undefined, { token });
      expect(status === 403 || responseBody.data.length === 0).toBe(true);
    }
  } finally {
    await shut.close();
  }
});

test('missing deliveries are 404', async () => {
  const id = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
  for (const [method, path] of [
    ['GET', `/api/webhooks/${id}/deliveries`],
    ['GET', `/api/webhook-deliveries/${id}`],
    ['POST', `/api/webhook-deliveries/${id}/redeliver`],
  ] as const) {
    expect(await ask(method, path)).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
  }
});
