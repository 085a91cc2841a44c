import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { secretRowsOn } from '../../src/db/access/secrets.ts';
import { signingKeyRowsOn } from '../../src/db/access/signing-keys.ts';
import { inTenant } from '../../src/db/connection/pool.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { issueSigningKey, newSigningKey } from '../../src/secrets/signing-keys.ts';
import { createSecretWriter } from '../../src/secrets/writer.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { makeAgent, runToEnd } from '../runtime/arrange.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { snippetsOf } from './snippets.ts';

// Runs the functions of docs/webhooks.md on deliveries that a worker has sent.

const run = promisify(execFile);
const snippets = snippetsOf('docs/webhooks.md');
const snippet = (language: string, part: string) =>
  snippets.find((one) => one.language === language && one.text.includes(part))?.text ?? '';

type Sent = { headers: Record<string, string>; body: string };
/** The delivery that the receiver got, then the same delivery signed with two keys. */
const sent: Sent[] = [];
const folder = mkdtempSync(join(tmpdir(), 'howdah-verify-'));
const database = testDatabase();
let worker: Worker;
let key: string;
let rotated: string;

const receiver = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    sent.push({
      headers: request.headers as Record<string, string>,
      body: Buffer.concat(chunks).toString(),
    });
    response.writeHead(204).end();
  });
});

beforeAll(async () => {
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });
  worker = await startTestWorker(database.url, { masterKeys, egressAllow: [host] });
  const agent = await makeAgent(database.pool, { script: [{ content: 'Grüße "with" \\ signs' }] });
  const { rows } = await database.pool.query(
    `insert into howdah.webhooks (url, agent_id) values ($1, $2) returning id, tenant_id`,
    [`http://${host}/`, agent],
  );
  const [{ id: webhookId, tenant_id }] = rows;
  const writer = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  const issue = async (rotates: boolean) =>
    inTenant(database.pool, tenant_id, async (client) => {
      const access = signingKeyRowsOn(client, tenant_id, { webhookId, rotates });
      return (await issueSigningKey(writer, tenant_id, access)).signing_key;
    });
  const deliver = async () => {
    const { id } = await runToEnd(database.pool, agent);
    await eventually(
      database.pool,
      'the delivery',
      `select from howdah.webhook_deliveries where execution_id = $1 and status = 'delivered'`,
      [id],
    );
  };
  key = await issue(false);
  await deliver();
  rotated = await issue(true);
  await deliver();
});

afterAll(async () => {
  await worker?.stop(1_000);
  receiver.close();
  rmSync(folder, { recursive: true });
});

/**
 * For each language, runs its program on a delivery, and returns whether the program accepts it.
 */
const LANGUAGES: Record<string, (key: string, delivery: Sent) => Promise<boolean>> = {
  async 'Node.js'(secret, { headers, body }) {
    const file = join(folder, 'verify.ts');
    writeFileSync(file, snippet('ts', 'export function verify'));
    const text = `import { verify } from ${JSON.stringify(file)};
      const [, key, headers, body] = process.argv;
      console.log(verify(key, JSON.parse(headers), body));`;
    const argv = ['--input-type=module', '-e', text, secret, JSON.stringify(headers), body];
    return (await run(process.execPath, argv)).stdout === 'true\n';
  },
  async Python(secret, { headers, body }) {
    const text = `${snippet('python', 'def verify')}
import json, sys
print(verify(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3].encode()))`;
    const argv = ['-c', text, secret, JSON.stringify(headers), body];
    return (await run('python3', argv)).stdout === 'True\n';
  },
  async Bash(secret, { headers, body }) {
    const text = `${snippet('sh', 'verify() {')}
      printf %s "$5" | verify "$1" "$2" "$3" "$4" && echo true`;
    const [id, at, signatures] = ['id', 'timestamp', 'signature'].map(
      (name) => headers[`webhook-${name}`] ?? '',
    );
    const argv = ['-c', text, 'verify', secret, id ?? '', at ?? '', signatures ?? '', body];
    return (await run('bash', argv).catch(() => ({ stdout: '' }))).stdout === 'true\n';
  },
};

describe.each(Object.entries(LANGUAGES))('%s', (_language, verify) => {
  test('accepts a delivery, also while its key is rotated', async () => {
    expect(await verify(key, sent[0] as Sent)).toBe(true);
    expect(await verify(key, sent[1] as Sent)).toBe(true);
    expect(await verify(rotated, sent[1] as Sent)).toBe(true);
  });

  test('rejects another key, a changed body, a changed id and an old delivery', async () => {
    const { headers, body } = sent[0] as Sent;
    const at = new Date(Date.now() - 3_600_000);
    const late = {
      'webhook-id': 'a',
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(key).sign('a', at, body),
    };
    expect(await verify(newSigningKey(), { headers, body })).toBe(false);
    expect(await verify(rotated, { headers, body })).toBe(false);
    expect(await verify(key, { headers, body: `${body} ` })).toBe(false);
    expect(await verify(key, { headers: { ...headers, 'webhook-id': 'a' }, body })).toBe(false);
    expect(await verify(key, { headers: late, body })).toBe(false);
  });
});
