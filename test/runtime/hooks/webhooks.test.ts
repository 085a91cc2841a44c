import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook, WebhookVerificationError } from 'standardwebhooks';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { signingKeyRowsOn } from '../../../src/db/access/signing-keys.ts';
import { inTenant } from '../../../src/db/connection/pool.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { createMasterKeys, noMasterKeys } from '../../../src/secrets/master-keys.ts';
import { issueSigningKey } from '../../../src/secrets/signing-keys.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeAgent, runToEnd } from '../arrange.ts';

type Received = { path: string; headers: IncomingHttpHeaders; body: string };

const signing = `whsec_${randomBytes(32).toString('base64')}`;
const before = `whsec_${randomBytes(24).toString('base64')}`;

const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });

const database = testDatabase();
let worker: Worker;
let receiver: Server;
let base: string;
const received: Received[] = [];
/** Answers of the receiver, by path. */
const answers = new Map<string, () => { status: number; headers?: Record<string, string> }>();

beforeAll(async () => {
  receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      received.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString() });
      const { status, headers } = answers.get(path)?.() ?? { status: 204 };
      response.writeHead(status, headers).end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  base = `http://127.0.0.1:${port}`;
  const { rows } = await database.pool.query(`select howdah.current_tenant() as id`);
  const { set } = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  const put = putSecretOn(database.pool, rows[0].id);
  await set(rows[0].id, 'signing', signing, put);
  await set(rows[0].id, 'before', before, put);
  await set(rows[0].id, 'no_key', 'just-a-few-words-that-are-no-key-0123456789', put);
  worker = await startTestWorker(database.url, { masterKeys, egressAllow: [`127.0.0.1:${port}`] });
});
afterAll(async () => {
  await worker.stop(1_000);
  receiver.close();
});
beforeEach(() => {
  received.length = 0;
  answers.clear();
});

async function webhook(path: string, columns: Record<string, unknown> = {}): Promise<string> {
  const agent = await makeAgent(database.pool, { script: [{ content: 'Grüße — done.' }] });
  const row = { url: path.startsWith('/') ? base + path : path, agent_id: agent, ...columns };
  await database.pool.query(
    `insert into howdah.webhooks (${Object.keys(row).join(', ')})
     values (${Object.keys(row).map((_, at) => `$${at + 1}`)})`,
    Object.values(row),
  );
  return agent;
}
const deliveryOf = (run: string, what: string) =>
  eventually<{
    id: string;
    attempts: number;
    status: string;
    last_error: string | null;
    last_status: number | null;
  }>(
    database.pool,
    what,
    `select d.id, d.attempts, d.status::text, d.last_error, d.last_status from howdah.webhook_deliveries as d
     where d.execution_id = $1 and ${what}`,
    [run],
  );
const COULD_NOT = `d.last_error is not null`;
const HAS_BEEN = `d.status = 'delivered'`;
/** Makes a delivery due. */
const makeDue = (id: string) =>
  database.pool.query(
    `with due as (update howdah.webhook_deliveries set next_attempt_at = now() where id = $1 returning id)
     update graphile_worker._private_jobs as j set run_at = now()
     from due where j.key = 'delivery ' || due.id`,
    [id],
  );
const secrets = async (condition: string) =>
  (
    await database.pool.query(
      `select name, is_unseen, webhook_id from howdah.secrets where ${condition} order by name`,
    )
  ).rows;
/** Shows a signing key, as the owner of the database. */
async function issue(webhookId: string | null, rotates: boolean) {
  const tenant = (await database.pool.query('select howdah.current_tenant() as id')).rows[0].id;
  const writer = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  return inTenant(database.pool, tenant, (client) =>
    issueSigningKey(writer, tenant, signingKeyRowsOn(client, tenant, { webhookId, rotates })),
  );
}
const verify = (secret: string, { body, headers }: Received) =>
  new Webhook(secret).verify(body, headers as Record<string, string>) as JsonObject;

test('a delivery is signed as specified by Standard Webhooks', async () => {
  const { id } = await runToEnd(database.pool, await webhook('/a', { secret_name: 'signing' }));
  const delivery = await deliveryOf(id, HAS_BEEN);
  const [one, ...others] = received;
  expect(others).toEqual([]);
  if (!one) throw new Error('nothing was received');
  expect(one.headers).toMatchObject({
    'webhook-id': delivery.id,
    'content-type': 'application/json',
    'user-agent': 'howdah',
  });
  expect(verify(signing, one)).toMatchObject({
    type: 'execution.completed',
    data: { execution_id: id, status: 'completed', output: 'Grüße — done.' },
  });
  for (const wrong of [
    { ...one, body: one.body.replace('completed', 'Completed') },
    { ...one, headers: { ...one.headers, 'webhook-id': 'another' } },
    { ...one, headers: { ...one.headers, 'webhook-timestamp': '1700000000' } },
  ]) {
    expect(() => verify(signing, wrong)).toThrow(WebhookVerificationError);
  }
  expect(() => verify(before, one)).toThrow(WebhookVerificationError);
});

test('either key verifies a delivery while a key is rotated', async () => {
  const agent = await webhook('/b', { secret_name: 'signing', previous_secret_name: 'before' });
  const { id } = await runToEnd(database.pool, agent);
  await deliveryOf(id, HAS_BEEN);
  const one = received[0] as Received;
  expect(verify(signing, one)).toEqual(verify(before, one));
});

test('a receiver that fails temporarily loses no delivery and can detect duplicates', async () => {
  const agent = await webhook('/c', { secret_name: 'signing' });
  const statuses = [500, 302, 429, 204];
  answers.set('/c', () => {
    const status = statuses[received.length - 1] ?? 204;
    return { status, headers: status === 302 ? { location: '/elsewhere' } : {} };
  });
  const { id } = await runToEnd(database.pool, agent);
  for (const [at, status] of [500, 302, 429].entries()) {
    const failed = await deliveryOf(id, `d.last_status = ${status} and d.attempts = ${at + 1}`);
    expect(failed).toMatchObject({ status: 'pending', last_status: status });
    expect(failed.last_error).toContain(`HTTP ${status}`);
    await makeDue(failed.id);
  }
  expect(await deliveryOf(id, HAS_BEEN)).toMatchObject({ attempts: 4, last_error: null });
  expect(received.map(({ path }) => path)).toEqual(['/c', '/c', '/c', '/c']);
  expect(new Set(received.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
  expect(new Set(received.map(({ body }) => body)).size).toBe(1);
});

test('an encrypted payload is sent again with the same bytes, and not if it was changed', async () => {
  const agent = await webhook('/again', { secret_name: 'signing' });
  const { id } = await runToEnd(database.pool, agent, 'a canary');
  const delivery = await deliveryOf(id, HAS_BEEN);
  await database.pool.query(
    'insert into howdah.retention_policies (encrypt_contents) values (true)',
  );
  await database.pool.query(`select howdah_private.enqueue_encryptions('0 seconds')`);
  await deliveryOf(id, `d.payload ? 'sealed'`); // the worker encrypts
  received.length = 0;
  await database.pool.query('select howdah.redeliver($1)', [delivery.id]);
  await deliveryOf(id, `${HAS_BEEN} and d.attempts = 1`);
  const again = received[0] as Received;
  expect(verify(signing, again)).toMatchObject({
    type: 'execution.completed',
    data: { execution_id: id, output: 'Grüße — done.' },
  });
  await database.pool.query(
    `update howdah.webhook_deliveries
     set payload = jsonb_build_object('sealed', overlay(payload ->> 'sealed' placing 'AAAA' from 120))
     where id = $1`,
    [delivery.id],
  );
  await database.pool.query('select howdah.redeliver($1)', [delivery.id]);
  expect(await deliveryOf(id, COULD_NOT)).toMatchObject({
    last_error: 'the payload is encrypted, and this worker cannot decrypt it',
  });
  expect(received).toHaveLength(1);
  await database.pool.query('delete from howdah.retention_policies');
});

test('a private address is not contacted, and an invalid key signs nothing', async () => {
  const inside = await runToEnd(database.pool, await webhook('http://127.0.0.1:1/in'));
  expect((await deliveryOf(inside.id, COULD_NOT)).last_error).toMatch(
    /its host is not a public address/,
  );
  const unsigned = await runToEnd(database.pool, await webhook('/d', { secret_name: 'no_key' }));
  const { last_error } = await deliveryOf(unsigned.id, COULD_NOT);
  expect(last_error).toContain('the secret no_key is not a valid signing key');
  expect(last_error).not.toContain('just-a-few-words-that-are-no-key');
  expect(received).toEqual([]);
});

test('a run calls its callback_url', async () => {
  const agent = await makeAgent(database.pool, { script: [{ content: 'done' }] });
  const { id } = (
    await database.pool.query(
      `insert into howdah.executions (agent_id, input, callback_url) values ($1, 'x', $2) returning id`,
      [agent, `${base}/callback`],
    )
  ).rows[0];
  await deliveryOf(id, HAS_BEEN);
  expect(received).toMatchObject([{ path: '/callback' }]);
  expect(received[0]?.headers['webhook-signature']).toMatch(/^v1,[\w+/=]+$/);
  expect(await secrets(`name = 'callbacks'`)).toEqual([
    { name: 'callbacks', is_unseen: true, webhook_id: null },
  ]);
});

test('concurrent first deliveries get one key, and showing the key replaces it once', async () => {
  const agent = await webhook('/f');
  const runs = await Promise.all(Array.from({ length: 4 }, () => runToEnd(database.pool, agent)));
  for (const { id } of runs) await deliveryOf(id, HAS_BEEN);
  const { rows } = await database.pool.query(
    'select id, secret_name from howdah.webhooks where agent_id = $1',
    [agent],
  );
  const [{ id: webhookId, secret_name }] = rows;
  expect(secret_name).toBe(`webhook-${webhookId}`);
  expect(await secrets(`name = '${secret_name}'`)).toEqual([
    { name: secret_name, is_unseen: true, webhook_id: webhookId },
  ]);
  const { signing_key } = await issue(webhookId, false);
  expect(() => verify(signing_key, received[0] as Received)).toThrow(WebhookVerificationError);
  await expect(issue(webhookId, false)).rejects.toMatchObject({ code: 'HWCNF' });
  received.length = 0;
  await deliveryOf((await runToEnd(database.pool, agent)).id, HAS_BEEN);
  expect(verify(signing_key, received[0] as Received)).toMatchObject({
    type: 'execution.completed',
  });
});

test('a rotation lets both keys sign, and the next rotation replaces the older key', async () => {
  const agent = await webhook('/g');
  const { rows } = await database.pool.query('select id from howdah.webhooks where agent_id = $1', [
    agent,
  ]);
  const keys = [await issue(rows[0].id, false)];
  for (const _ of [1, 2]) {
    keys.push(await issue(rows[0].id, true));
    received.length = 0;
    await deliveryOf((await runToEnd(database.pool, agent)).id, HAS_BEEN);
    const [older, newer] = keys.slice(-2).map(({ signing_key }) => signing_key);
    const one = received[0] as Received;
    expect(verify(older ?? '', one)).toEqual(verify(newer ?? '', one));
  }
  expect(() => verify(keys[0]?.signing_key ?? '', received[0] as Received)).toThrow(
    WebhookVerificationError,
  );
  const name = `webhook-${rows[0].id}`;
  expect(keys.map((one) => [one.secret_name, one.previous_secret_name])).toEqual([
    [name, null],
    [`${name}-2`, name],
    [`${name}-3`, `${name}-2`],
  ]);
  await database.pool.query('delete from howdah.webhooks where id = $1', [rows[0].id]);
  expect(await secrets(`name like '${name}%'`)).toEqual([]);
});

test('the keys of callbacks rotate as well', async () => {
  const call = async () => {
    received.length = 0;
    const agent = await makeAgent(database.pool, { script: [{ content: 'done' }] });
    const made = await database.pool.query(
      `insert into howdah.executions (agent_id, input, callback_url) values ($1, 'x', $2) returning id`,
      [agent, `${base}/callback`],
    );
    await deliveryOf(made.rows[0].id, HAS_BEEN);
    return received[0] as Received;
  };
  const first = await issue(null, true);
  verify(first.signing_key, await call());
  await expect(issue(null, false)).rejects.toMatchObject({ code: 'HWCNF' });
  const second = await issue(null, true);
  expect(second.previous_secret_name).toBe(first.secret_name);
  const one = await call();
  expect(verify(first.signing_key, one)).toEqual(verify(second.signing_key, one));
});

test('a delivery that cannot be signed is not sent', async () => {
  const agent = await webhook('/h');
  await worker.stop(1_000);
  worker = await startTestWorker(database.url, {
    masterKeys: noMasterKeys,
    egressAllow: [base.slice(7)],
  });
  const { id } = await runToEnd(database.pool, agent);
  const { last_error } = await deliveryOf(id, COULD_NOT);
  expect(last_error).toContain('the delivery cannot be signed: HOWDAH_SECRET_KEY is not');
  expect(received).toEqual([]);
  await worker.stop(1_000);
  worker = await startTestWorker(database.url, { masterKeys, egressAllow: [base.slice(7)] });
});

test('a worker that stops during an attempt leaves it to the next worker', async () => {
  const agent = await webhook('/e');
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const silent = createServer(() => reach()).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  await database.pool.query('update howdah.webhooks set url = $1 where agent_id = $2', [
    `http://127.0.0.1:${port}/`,
    agent,
  ]);
  const second = await startTestWorker(database.url, {
    masterKeys,
    egressAllow: [`127.0.0.1:${port}`, base.slice(7)],
  });
  await worker.stop(0);
  const { id } = await runToEnd(database.pool, agent);
  await reached;
  await second.stop(0);
  silent.closeAllConnections();
  silent.close();
  worker = await startTestWorker(database.url, { masterKeys, egressAllow: [base.slice(7)] });
  const { id: delivery, attempts } = await deliveryOf(id, 'd.attempts > 0');
  expect(attempts).toBe(1);
  await database.pool.query('update howdah.webhooks set url = $1 where agent_id = $2', [
    `${base}/e`,
    agent,
  ]);
  await makeDue(delivery);
  expect(await deliveryOf(id, HAS_BEEN)).toMatchObject({ id: delivery, attempts: 2 });
});
