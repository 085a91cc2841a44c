import type { Client } from '@modelcontextprotocol/client';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createListMarks } from '../../../src/api/mcp/list-etags.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { callTools, makeAgent, waitForStatus } from '../../runtime/arrange.ts';
import { all, makeApiKey, makeTenant, one, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi, until } from '../harness.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';
import { connect, INITIALIZE, post, REVISIONS, type Result, type Revision } from './mcp-client.ts';

// Notifications of `/mcp`: changed lists, progress of runs, log messages.

const db = testDatabase();
let api: ApiServer;
/** A second process behind the same load balancer. */
let other: ApiServer;
let worker: Worker;
const gate = createGate();
let tenant: string;
const clients: Client[] = [];

beforeAll(async () => {
  [api, other] = await Promise.all([
    startTestApi(db.url, tokenOptions),
    startTestApi(db.url, tokenOptions),
  ]);
  const parameters = { type: 'object', properties: {} };
  worker = await startTestWorker(db.url, {
    tools: [
      {
        name: 'wait',
        description: '',
        parameters,
        run: (_args, { signal }) => gate.pass(waitForAbort(signal)).then(() => 'passed'),
      },
      {
        name: 'fail',
        description: '',
        parameters,
        run: () => {
          throw new Error('it broke');
        },
      },
    ],
  });
  ({ id: tenant } = await one(db.pool, `select id from howdah.tenants where slug = 'default'`));
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(async () => {
  await worker?.stop(0);
  await Promise.all([api?.close(), other?.close()]);
});

const waitForAbort = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));

type Heard = { method: string; params?: Result };

/** Connects a client that records all notifications it receives. */
async function openListener(
  revision: Revision,
  { token = '', runs = [] as string[], at = api } = {},
) {
  const { key } = token ? { key: token } : await makeApiKey(db.pool, tenant, { role: 'owner' });
  const { promise: isOpen, resolve: onStream } = Promise.withResolvers<void>();
  const client = await connect(at, { revision, token: key, onStream });
  clients.push(client);
  const heard: Heard[] = [];
  for (const method of [
    'notifications/tools/list_changed',
    'notifications/prompts/list_changed',
    'notifications/resources/list_changed',
    'notifications/resources/updated',
    'notifications/message',
  ] as const) {
    client.setNotificationHandler(
      method,
      ({ params }: Result) => void heard.push({ method, params }),
    );
  }
  if (revision === '2025-11-25') {
    await isOpen;
    for (const uri of runs) await client.subscribeResource({ uri });
  } else {
    await client.listen({
      toolsListChanged: true,
      promptsListChanged: true,
      resourcesListChanged: true,
      resourceSubscriptions: runs,
    });
  }
  const waitForNotification = (what: string, params?: object) =>
    until(async () =>
      heard.some(
        (one) =>
          one.method === `notifications/${what}` &&
          (!params || expect.objectContaining(params).asymmetricMatch(one.params)),
      ),
    );
  return { client, heard, hears: waitForNotification, key };
}

async function agentNamed(name: string, script: JsonObject[] = [], tools: string[] = []) {
  const id = await makeAgent(db.pool, { script, tools });
  await db.pool.query('update howdah.agents set name = $2 where id = $1', [id, name]);
  return id;
}

const begin = async (agent: string): Promise<string> =>
  (
    await one(
      db.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'go') returning id::uuid::text as id`,
      [agent],
    )
  ).id;
/** Starts a run that makes this many calls of a tool and waits in it. */
async function startRun(name: string, calls = 1): Promise<string> {
  const script = Array.from({ length: calls }, () => callTools({ name: 'wait', arguments: {} }));
  const agent = await agentNamed(unique(name), [...script, { content: 'Done.' }], ['wait']);
  const before = gate.waiting;
  const id = await begin(agent);
  await until(async () => gate.waiting > before);
  return id;
}
const uriOf = (id: string) => `howdah://executions/${id}`;
describe.each(REVISIONS)('notifications in revision %s', (revision) => {
  test('list changes are announced only to clients that see the change', async () => {
    const { hears, heard, client } = await openListener(revision);
    const elsewhere = await makeTenant(db.pool);
    const outsider = await openListener(revision, {
      token: (await makeApiKey(db.pool, elsewhere, { role: 'owner' })).key,
    });
    const reader = await openListener(revision, {
      token: (await makeApiKey(db.pool, tenant, { role: 'viewer' })).key,
    });
    expect(client.getServerCapabilities()).toMatchObject({
      tools: { listChanged: true },
      prompts: { listChanged: true },
      resources: { listChanged: true, subscribe: true },
      logging: {},
    });
    const agent = await agentNamed(unique('new'), [{ content: 'Hello.' }]);
    await db.pool.query(`insert into howdah.prompts (name, template) values ($1, 'Hello.')`, [
      unique('prompt'),
    ]);
    await begin(agent);
    for (const list of ['tools', 'prompts', 'resources']) await hears(`${list}/list_changed`);
    await reader.hears('prompts/list_changed');
    heard.length = 0;
    await db.pool.query(`update howdah.agents set is_active = false where id = $1`, [agent]);
    await hears('tools/list_changed');
    expect(reader.heard.map(({ method }) => method)).not.toContain(
      'notifications/tools/list_changed',
    );
    expect(outsider.heard).toEqual([]);
  });

  test('a run announces its updates', async () => {
    const id = await startRun('waiter');
    const { hears, heard, client } = await openListener(revision, { runs: [uriOf(id)] });
    expect(heard).toEqual([]);
    gate.allow(1);
    await hears('resources/updated', { uri: uriOf(id) });
    await waitForStatus(db.pool, id, 'completed');
    const { contents } = (await client.readResource({ uri: uriOf(id) })) as Result;
    expect(JSON.parse(contents[0].text)).toMatchObject({ id, output: 'Done.' });
  });

  test('a run announces that it resumed after its end', async () => {
    const id = await begin(await agentNamed(unique('failing'), [{ error: 'unauthorized' }]));
    await waitForStatus(db.pool, id, 'failed');
    const { hears, heard } = await openListener(revision, { runs: [uriOf(id)] });
    expect(heard).toEqual([]);
    await db.pool.query('select howdah.retry_execution($1)', [id]);
    await hears('resources/updated', { uri: uriOf(id) });
  });

  test('log messages report the steps of a call from the requested level on', async () => {
    const script = [callTools({ name: 'fail', arguments: {} }), { content: 'It broke.' }];
    const name = unique('breaker');
    await agentNamed(name, script, ['fail']);
    const called = async (level?: 'info' | 'error') => {
      const { client, heard } = await openListener(revision);
      const meta = { 'io.modelcontextprotocol/logLevel': level };
      if (revision === '2025-11-25' && level) await client.setLoggingLevel(level);
      const result = (await client.callTool({
        name,
        arguments: { message: 'Hello' },
        ...(revision === '2026-07-28' && level && { _meta: meta }),
      })) as Result;
      const messages = heard.filter(({ method }) => method === 'notifications/message');
      expect(
        messages.every(
          ({ params }) => params.data.execution_id === result._meta['howdah/execution_id'],
        ),
      ).toBe(true);
      return messages.map(({ params }) => [params.level, params.data.kind]);
    };
    const all = await called('info');
    expect(all).toContainEqual(['info', 'model']);
    expect(all).toContainEqual(['error', 'tool']);
    expect(await called('error')).toEqual([['error', 'tool']]);
    // without a level set, errors are sent where the revision allows it
    expect(await called()).toEqual(revision === '2025-11-25' ? [['error', 'tool']] : []);
  });

  test('a client without access to a run receives no update of it', async () => {
    const id = await startRun('secret');
    const elsewhere = await makeTenant(db.pool);
    const { key } = await makeApiKey(db.pool, elsewhere, { role: 'owner' });
    const missingId = '00000000-0000-7000-8000-000000000000';
    if (revision === '2025-11-25') {
      const outsider = await openListener(revision, { token: key });
      const refused = async (uri: string) => {
        const error = await outsider.client.subscribeResource({ uri }).catch((e: Result) => e);
        return [error.code, String(error.message).replaceAll(/[0-9a-f-]{36}/g, 'ID')];
      };
      expect(await refused(uriOf(id))).toEqual(await refused(uriOf(missingId)));
      expect((await refused(uriOf(id)))[1]).toMatch(/not found/i);
    }
    const runs = revision === '2025-11-25' ? [] : [uriOf(id)];
    const outsider = await openListener(revision, { token: key, runs });
    const { hears } = await openListener(revision, { runs: [uriOf(id)] });
    gate.allow(1);
    await hears('resources/updated', { uri: uriOf(id) });
    expect(outsider.heard).toEqual([]);
  });

  test('revoking a key ends its notifications', async () => {
    const { id, key } = await makeApiKey(db.pool, tenant, { role: 'owner' });
    const revoked = await openListener(revision, { token: key });
    const { hears } = await openListener(revision);
    await agentNamed(unique('seen'));
    await revoked.hears('tools/list_changed');
    await db.pool.query('update howdah.api_keys set revoked_at = now() where id = $1', [id]);
    await until(async () => {
      const { status } = await post(api, INITIALIZE, { authorization: `Bearer ${key}` });
      return status === 401;
    });
    revoked.heard.length = 0;
    await agentNamed(unique('unseen'));
    await hears('tools/list_changed');
    await agentNamed(unique('unseen'));
    await until(async () => revoked.heard.length === 0);
  });
});

describe('sessions, served by any process', () => {
  test('a subscription made in one process is served by another, including missed updates', async () => {
    const id = await startRun('between');
    const { key } = await makeApiKey(db.pool, tenant, { role: 'owner' });
    const headers = { authorization: `Bearer ${key}` };
    const session = (await post(api, INITIALIZE, headers)).headers.get('mcp-session-id') ?? '';
    const own = { ...headers, 'mcp-session-id': session };
    const ask = (method: string, params: object) =>
      post(api, { jsonrpc: '2.0', id: 2, method, params }, own);
    expect((await ask('resources/subscribe', { uri: uriOf(id) })).text).toContain('"result":{}');
    gate.allow(1);
    await waitForStatus(db.pool, id, 'completed');
    const stream = await fetch(`${other.url}/mcp`, {
      headers: { ...own, accept: 'text/event-stream' },
    });
    expect(stream.status).toBe(200);
    const [first] = await takeMessages(stream, 1);
    expect(first).toEqual({
      jsonrpc: '2.0',
      method: 'notifications/resources/updated',
      params: { uri: uriOf(id) },
    });
    expect((await ask('resources/unsubscribe', { uri: uriOf(id) })).text).toContain('"result":{}');
    const [{ subscriptions }] = (await all(
      db.pool,
      `select subscriptions from howdah_private.mcp_sessions where tenant_id = $1 and subscriptions = '{}'`,
      [tenant],
    )) as [Result];
    expect(subscriptions).toEqual({});
  });

  test('sessions unread for a day are deleted by the next write', async () => {
    await db.pool.query(
      `insert into howdah_private.mcp_sessions (tenant_id, session, expires_at)
       values ($1, 'long gone', now() - interval '1 second')`,
      [tenant],
    );
    await db.pool.query(`select howdah_private.set_mcp_log_level('of now', 'info')`);
    expect(
      await all(db.pool, `select from howdah_private.mcp_sessions where session = 'long gone'`),
    ).toEqual([]);
  });

  test('a client without a session is rejected, and a session of another caller is unknown', async () => {
    const { key } = await makeApiKey(db.pool, tenant, { role: 'owner' });
    const headers = { authorization: `Bearer ${key}` };
    const level = { jsonrpc: '2.0', id: 2, method: 'logging/setLevel', params: { level: 'info' } };
    expect((await post(api, level, headers)).text).toContain('HWINV');
    const session = (await post(api, INITIALIZE, headers)).headers.get('mcp-session-id') ?? '';
    const { key: foreign } = await makeApiKey(db.pool, tenant, { role: 'owner' });
    const stream = await fetch(`${api.url}/mcp`, {
      headers: {
        authorization: `Bearer ${foreign}`,
        'mcp-session-id': session,
        accept: 'text/event-stream',
      },
    });
    expect(stream.status).toBe(404);
    await stream.body?.cancel();
  });

  test('more than 100 subscribed runs are rejected, in a session and in a stream', async () => {
    const { client } = await openListener('2025-11-25');
    const agent = await agentNamed(unique('many'));
    const ids = await all(
      db.pool,
      `insert into howdah.executions (agent_id, input) select $1, 'go' from generate_series(1, 101) returning id::uuid::text as id`,
      [agent],
    );
    const uris = ids.map(({ id }) => uriOf(id));
    for (const uri of uris.slice(0, 100)) await client.subscribeResource({ uri });
    // a repeated subscription counts once
    await client.subscribeResource({ uri: uris[0] as string });
    await expect(client.subscribeResource({ uri: uris[100] as string })).rejects.toMatchObject({
      code: -32602,
      message: expect.stringContaining('subscriptions of a session (100)'),
    });
    const modern = await openListener('2026-07-28');
    await expect(modern.client.listen({ resourceSubscriptions: uris })).rejects.toThrow(
      'maximum number of resources of a stream (100) exceeded',
    );
  });
});

test('lists are read once per group of viewers, and less often when reading is slow', async () => {
  let clock = 0;
  let took = 10;
  const reads: string[] = [];
  const marks = createListMarks(() => clock);
  const look = async (key: string, at: number) => {
    clock = at;
    await marks(key, async () => {
      reads.push(`${key} ${at}`);
      clock += took;
      return {} as never;
    });
  };
  await Promise.all([look('a', 0), look('a', 0)]);
  await look('b', 100);
  await look('a', 1_499);
  await look('a', 1_500);
  took = 100;
  await look('a', 3_000);
  await look('a', 7_999);
  await look('a', 8_000);
  expect(reads).toEqual(['a 0', 'b 100', 'a 1500', 'a 3000', 'a 8000']);
});

/** Returns the first messages of a stream, and cancels the stream. */
async function takeMessages(response: Response, count: number): Promise<Result[]> {
  const messages: Result[] = [];
  let text = '';
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
    text += Buffer.from(chunk).toString();
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const data = /^data: (.*)$/m.exec(part)?.[1];
      if (data) messages.push(JSON.parse(data));
    }
    if (messages.length >= count) break;
  }
  return messages;
}
