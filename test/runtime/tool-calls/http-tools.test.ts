import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { all, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeAgent, runToEnd, stepsOf } from '../arrange.ts';

const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });
const TOKEN = 'a-token-that-nobody-sees';

const database = testDatabase();
let worker: Worker;
let server: Server;
let base: string;
type Seen = Pick<IncomingMessage, 'method' | 'url' | 'headers'> & { body: string };
let seen: Seen[];
let answer: { status: number; headers?: Record<string, string>; body: unknown };

beforeAll(async () => {
  server = createServer(async (incoming, response) => {
    const { method, url, headers } = incoming;
    seen.push({ method, url, headers, body: await text(incoming) });
    response.writeHead(answer.status, { 'content-type': 'application/json', ...answer.headers });
    response.end(JSON.stringify(answer.body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  base = `http://${host}`;
  worker = await startTestWorker(database.url, { egressAllow: ['127.0.0.1'], masterKeys });
  const { id } = await one(database.pool, 'select howdah.current_tenant() as id');
  const secrets = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  await secrets.set(id, 'orders', TOKEN, putSecretOn(database.pool, id));
  const tool = async (
    name: string,
    effect: string,
    parameters: JsonObject,
    configuration: JsonObject,
  ) =>
    database.pool.query(
      `insert into howdah.tools (name, kind, effect, parameters, configuration) values ($1, 'http', $2, $3, $4)`,
      [
        name,
        effect,
        JSON.stringify({ type: 'object', ...parameters }),
        JSON.stringify(configuration),
      ],
    );
  const secret = { authorization: { secret_name: 'orders', hosts: [host], prefix: 'Bearer ' } };
  const id_ = { properties: { id: { type: 'string' } }, required: ['id'] };
  await tool('get_order', 'pure', id_, { url: `${base}/orders/{id}`, secrets: secret });
  await tool(
    'place_order',
    'once',
    { properties: { item: { type: 'string' } }, required: ['item'] },
    { url: `${base}/orders`, method: 'POST' },
  );
});
beforeEach(() => {
  seen = [];
  answer = { status: 200, body: { state: 'packed' } };
});
afterAll(async () => {
  await worker.stop(0);
  server.closeAllConnections();
  server.close();
});

async function call(name: string, args: JsonObject) {
  const agent = await makeAgent(database.pool, {
    script: [{ tool_calls: [{ name, arguments: args }] }, { content: 'done' }],
    tools: [name],
  });
  const run = await runToEnd(database.pool, agent);
  return { run, steps: await stepsOf(database.pool, run.id) };
}

describe('a tool of kind http', () => {
  test('sends the secret of its host and returns the answer to the model', async () => {
    answer.body = { state: 'packed', echo: `Bearer ${TOKEN}` };
    const { run, steps } = await call('get_order', { id: 'A/1' });
    expect(run).toMatchObject({ status: 'completed', output: 'done' });
    expect(seen).toMatchObject([
      { method: 'GET', url: '/orders/A%2F1', headers: { authorization: `Bearer ${TOKEN}` } },
    ]);
    const step = steps.find(({ kind }) => kind === 'tool');
    expect(step).toMatchObject({
      name: 'get_order',
      output: { status: 200, body: { state: 'packed', echo: 'Bearer ***' } },
    });
    const logged = await all(database.pool, 'select to_jsonb(s)::text as t from howdah.steps as s');
    expect(logged.filter(({ t }) => t.includes(TOKEN))).toEqual([]);
  });

  test('returns an API error as a result, and reports a wrong argument without sending a request', async () => {
    answer = { status: 404, body: { error: 'no such order' } };
    const missing = await call('get_order', { id: 'B' });
    expect(missing.steps.find(({ kind }) => kind === 'tool')).toMatchObject({
      output: { status: 404, body: { error: 'no such order' } },
    });
    seen = [];
    const wrong = await call('get_order', { id: '..' });
    expect(wrong.steps.find(({ kind }) => kind === 'tool')).toMatchObject({
      error: { code: 'invalid_arguments' },
    });
    expect(seen).toEqual([]);
  });

  test('follows no redirect to another host and sends its secret nowhere else', async () => {
    answer = { status: 302, headers: { location: 'http://127.0.0.2:9/x' }, body: {} };
    const { steps } = await call('get_order', { id: 'C' });
    expect(steps.find(({ kind }) => kind === 'tool')).toMatchObject({
      error: { message: expect.stringContaining('may not reach 127.0.0.2:9') },
    });
  });

  test('posts once, and asks a person about the effect of a 5xx', async () => {
    const done = await call('place_order', { item: 'pump' });
    expect(done.run).toMatchObject({ status: 'completed' });
    expect(seen).toMatchObject([
      {
        method: 'POST',
        url: '/orders',
        body: '{"item":"pump"}',
        headers: { 'idempotency-key': expect.any(String) },
      },
    ]);
    answer = { status: 503, body: 'busy' };
    seen = [];
    const agent = await makeAgent(database.pool, {
      script: [
        { tool_calls: [{ name: 'place_order', arguments: { item: 'x' } }] },
        { content: 'done' },
      ],
      tools: ['place_order'],
    });
    const { id } = await one(
      database.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'go') returning id`,
      [agent],
    );
    await eventually(
      database.pool,
      'its question',
      `select id from howdah.questions where execution_id = $1 and kind = 'effect' and status = 'open'`,
      [id],
    );
    expect(seen).toHaveLength(1);
  });
});

describe('configuration', () => {
  const write = (configuration: unknown, parameters: unknown = {}) =>
    database.pool.query(
      `insert into howdah.tools (name, kind, parameters, configuration) values ('written', 'http', $1, $2)`,
      [
        JSON.stringify({ type: 'object', ...(parameters as object) }),
        JSON.stringify(configuration),
      ],
    );
  const id = { properties: { id: {} }, required: ['id'] };

  test.each<[unknown, unknown, RegExp]>([
    [{}, {}, /url is missing/],
    [{ url: 'ftp://x.org/' }, {}, /url/],
    [{ url: 'https://{host}/x' }, {}, /url/],
    [{ url: 'https://user:pw@x.org/' }, {}, /url|key/],
    [{ url: 'https://x.org/a?b=c' }, {}, /url/],
    [{ url: 'https://x.org/{id}' }, {}, /url names \{id\}/],
    [{ url: 'https://x.org/{id}' }, { properties: { id: {} } }, /url names \{id\}/],
    [{ url: 'https://x.org/', method: 'TRACE' }, {}, /method/],
    [{ url: 'https://x.org/', methd: 'GET' }, {}, /methd/],
    [{ url: 'https://x.org/', arguments: { id: { in: 'cookie' } } }, id, /in/],
    [{ url: 'https://x.org/', arguments: { nobody: { in: 'query' } } }, id, /arguments.nobody/],
    [{ url: 'https://x.org/', arguments: { id: { in: 'path' } } }, id, /url has no \{id\}/],
    [{ url: 'https://x.org/', arguments: { id: { in: 'body' } } }, id, /GET takes no body/],
    [{ url: 'https://x.org/', body: 'id' }, id, /GET takes no body/],
    [{ url: 'https://x.org/', method: 'POST', body: 'x' }, id, /no property "x"/],
    [{ url: 'https://x.org/', content_type: 'image/png' }, {}, /content_type/],
    [{ url: 'https://x.org/', headers: { authorization: 'Bearer abcdef0123456789' } }, {}, /key/],
  ])('rejects %j', async (configuration, parameters, words) => {
    const refusal = await write(configuration, parameters).catch((error) => error);
    expect(refusal).toMatchObject({ code: 'HWINV', hint: expect.any(String) });
    expect(refusal.message).toMatch(words);
  });

  test('must name an existing secret, which then cannot be removed', async () => {
    const secrets = { authorization: { secret_name: 'nowhere', hosts: ['x.org'] } };
    await expect(write({ url: 'https://x.org/', secrets })).rejects.toMatchObject({
      code: 'HWNTF',
      hint: expect.stringContaining('howdah admin secret set nowhere'),
    });
    await expect(
      database.pool.query(`select howdah.remove_secret('orders')`),
    ).rejects.toMatchObject({
      code: 'HWCNF',
      message: expect.stringContaining('used by tool get_order'),
    });
  });

  test('cannot change the request target for a single agent', async () => {
    const agent = await makeAgent(database.pool, { script: [], tools: ['get_order'] });
    const configure = (configuration: unknown) =>
      database.pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
        agent,
        JSON.stringify(configuration),
      ]);
    await expect(configure({ url: 'https://evil.example/' })).rejects.toMatchObject({
      code: 'HWINV',
    });
    await configure({ headers: { 'x-team': 'blue' }, max_result_bytes: 2000 });
  });
});
