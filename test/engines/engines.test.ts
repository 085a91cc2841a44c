import { randomBytes } from 'node:crypto';
import type http from 'node:http';
import { pino } from 'pino';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { startOpenAiServer } from '../../chaos/load/openai-server.ts';
import { putSecretOn, secretRowsOn } from '../../src/db/access/secrets.ts';
import type { CustomEngine } from '../../src/index.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../src/secrets/writer.ts';
import type { Worker } from '../../workers/start-worker.ts';
import {
  callTools,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  messagesOf,
  runToEnd,
  shortenBackOff,
  stepsOf,
  waitForEnd,
  waitForStatus,
  wakeNow,
} from '../runtime/arrange.ts';
import { expectEqualReplay } from '../runtime/replay/replay-runs.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { type Seen, startServer } from '../tools/servers.ts';
import { killWorkerProcesses, loadWorkerProcess } from '../workers/worker-process.ts';

const KEY = 'engine-key-0123456789abcdef';
const LOOPBACK = '127.0.0.1';

const database = testDatabase();
let worker: Worker | undefined;
const log: string[] = [];
const requests: unknown[] = [];
let attempts = 0;

const engines: CustomEngine[] = [
  {
    name: 'echo',
    answer({ input, messages, request_params }, { execution_id, idempotency_key, onToken }) {
      requests.push({ input, messages, request_params, execution_id, idempotency_key });
      onToken('you ');
      return { output: `you said ${input}`, usage: { tokens_in: 3, tokens_out: 4 } };
    },
  },
  { name: 'structured', answer: async () => ({ output: { color: 'red' } }) },
  {
    name: 'flaky',
    answer() {
      attempts += 1;
      if (attempts < 3) throw Object.assign(new Error('not yet'), { retryable: true });
      return 'at last';
    },
  },
  {
    name: 'broken',
    answer() {
      throw new Error('it is broken');
    },
  },
  { name: 'slow', answer: () => new Promise(() => {}) },
];

beforeAll(async () => {
  await begin();
  const { pool } = database;
  await shortenBackOff(pool);
  const { rows } = await pool.query(`select id from howdah.tenants where slug = 'default'`);
  const { set } = createSecretWriter(secretRowsOn(pool), masterKeys);
  await set(rows[0].id, 'engine_key', KEY, putSecretOn(pool, rows[0].id));
});
afterEach(async () => {
  killWorkerProcesses();
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker?.stop(0);
});

const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });

async function begin(): Promise<void> {
  worker = await startTestWorker(database.url, {
    engines,
    egressAllow: [LOOPBACK],
    masterKeys,
    log: pino({ level: 'trace' }, { write: (line: string) => void log.push(line) }),
  });
}

/** Makes an agent with an engine, and returns its id. */
async function makeExternalAgent(
  engine: string,
  engine_configuration: JsonObject,
  columns: JsonObject = {},
): Promise<string> {
  const { rows } = await database.pool.query(
    `insert into howdah.agents (name, instruction, engine, engine_configuration, max_steps, max_tokens, max_cost, max_seconds, output_schema)
     select $1, coalesce(x.instruction, ''), $2, $3, x.max_steps, x.max_tokens, x.max_cost, x.max_seconds, x.output_schema
     from jsonb_to_record($4) as x (instruction text, max_steps int, max_tokens bigint, max_cost numeric, max_seconds int, output_schema jsonb)
     returning id`,
    [`agent_${randomBytes(6).toString('hex')}`, engine, engine_configuration, columns],
  );
  return rows[0].id;
}

/** Starts a server that answers with JSON. */
const startJsonServer = (
  answer: (
    seen: Seen,
    response: http.ServerResponse,
  ) => { status?: number; body: unknown; headers?: Record<string, string> } | undefined,
) =>
  startServer((seen, response) => {
    const reply = answer(seen, response);
    if (reply) {
      const { status = 200, body, headers = {} } = reply;
      response.writeHead(status, { 'content-type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    }
  });

const jsonOf = (seen: Seen | undefined) => JSON.parse(seen?.body ?? 'null');

describe('an agent behind a URL', () => {
  test('receives the run and its conversation, and its answer becomes the run’s', async () => {
    const { pool } = database;
    const server = await startJsonServer(() => ({
      body: { output: `Your key was ${KEY}.`, usage: { tokens_in: 11, tokens_out: 7 } },
    }));
    const agent = await makeExternalAgent(
      'http',
      { url: `${server.url}/run`, secret_name: 'engine_key', headers: { 'x-team': 'a' } },
      { instruction: 'Be brief.' },
    );
    const { rows } = await pool.query(
      'insert into howdah.sessions (agent_id) values ($1) returning id',
      [agent],
    );
    const session_id = rows[0].id;
    const run = await runToEnd(pool, agent, 'Hello?', { session_id });
    expect(run).toMatchObject({
      status: 'completed',
      output: 'Your key was ***.',
      tokens_in: '11',
      tokens_out: '7',
      cost: '0',
    });
    expect(await kindsOf(pool, run.id)).toBe('model output');
    expect((await stepsOf(pool, run.id))[0]).toMatchObject({ name: 'http', tokens_in: 11 });
    const [first] = server.seen;
    expect(first).toMatchObject({
      method: 'POST',
      path: '/run',
      headers: {
        authorization: `Bearer ${KEY}`,
        'idempotency-key': `${run.id}:2`,
        'x-team': 'a',
        'content-type': 'application/json',
      },
    });
    expect(jsonOf(first)).toEqual({
      execution_id: run.id,
      session_id,
      root_execution_id: run.id,
      agent_id: agent,
      input: 'Hello?',
      metadata: {},
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello?' },
      ],
    });
    await runToEnd(pool, agent, 'And now?', { session_id });
    expect(jsonOf(server.seen[1]).messages.slice(1)).toEqual([
      { role: 'user', content: 'Hello?' },
      { role: 'assistant', content: 'Your key was ***.' },
      { role: 'user', content: 'And now?' },
    ]);
    const { rows: everything } = await pool.query(
      `select (select string_agg(v.definition::text, '') from howdah.agent_versions as v)
        || (select string_agg(s::text, '') from howdah.steps as s) as text`,
    );
    expect(everything[0].text + log.join('')).not.toContain(KEY);
    await expectEqualReplay(pool, run.id);
  });

  test('is retried when that may help, with its requested delay, under the same key', async () => {
    const { pool } = database;
    let count = 0;
    const server = await startJsonServer(() => {
      count += 1;
      if (count === 1) return { status: 429, body: {}, headers: { 'retry-after': '1' } };
      return count === 2 ? { body: { text: 'no output' } } : { body: { output: 'done' } };
    });
    const run = await runToEnd(pool, await makeExternalAgent('http', { url: server.url }));
    expect(run).toMatchObject({ status: 'completed', output: 'done' });
    expect(await kindsOf(pool, run.id)).toBe('retry retry model output');
    const [first, second] = await stepsOf(pool, run.id);
    expect(first).toMatchObject({
      error: { code: 'rate_limited', retry_after_ms: 1000 },
      output: { delay_ms: expect.any(Number) },
    });
    expect(Number((first?.output as JsonObject | undefined)?.delay_ms)).toBeGreaterThanOrEqual(
      1000,
    );
    expect(second).toMatchObject({ error: { code: 'bad_answer' } });
    expect(new Set(server.seen.map(({ headers }) => headers['idempotency-key'])).size).toBe(1);
  });

  test.each([
    [400, 'invalid_request'],
    [401, 'unauthorized'],
    [302, 'invalid_request'],
  ])('that rejects with %i fails the run at once', async (status, code) => {
    const { pool } = database;
    const server = await startJsonServer(() => ({
      status,
      body: { no: KEY },
      headers: { location: 'http://127.0.0.1:1/' },
    }));
    const agent = await makeExternalAgent('http', { url: server.url, secret_name: 'engine_key' });
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'error', error: { code } });
    expect(JSON.stringify(run.error)).not.toContain(KEY);
    expect(server.seen).toHaveLength(1);
  });

  test('is aborted at once when the run is cancelled or its time is over', async () => {
    const { pool } = database;
    const left: Promise<unknown>[] = [];
    const server = await startJsonServer((_seen, response) => {
      left.push(new Promise((resolve) => response.on('close', resolve)));
      return undefined;
    });
    const id = await insertRun(pool, await makeExternalAgent('http', { url: server.url }));
    await expect.poll(() => left.length, { timeout: 60_000 }).toBe(1);
    await pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'cancelled' });
    await left[0];
    const late = await makeExternalAgent('http', { url: server.url }, { max_seconds: 1 });
    expect(await runToEnd(pool, late)).toMatchObject({ status: 'failed', stop_reason: 'max_time' });
    await left[1];
  });

  test('is not contacted on a private address, directly or by redirect', async () => {
    const { pool } = database;
    const agent = await makeExternalAgent('http', { url: 'http://10.0.0.1/run' });
    expect(await runToEnd(pool, agent)).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_request', message: expect.stringContaining('not a public address') },
    });
    const openai = await makeExternalAgent('openai', {
      base_url: 'http://169.254.1.1/v1',
      model: 'm',
    });
    const run = await runToEnd(pool, openai);
    expect(run).toMatchObject({
      status: 'failed',
      error: { code: 'invalid_request', message: expect.stringContaining('not a public address') },
    });
    expect(await kindsOf(pool, run.id)).toBe('retry error');
  });

  test('stops at the budget of the run', async () => {
    const { pool } = database;
    const server = await startJsonServer(() => ({
      body: { output: 'no JSON', usage: { tokens_in: 900, tokens_out: 200 } },
    }));
    const agent = await makeExternalAgent(
      'http',
      { url: server.url },
      { max_tokens: 1000, output_schema: { type: 'object' } },
    );
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'max_tokens', tokens_in: '900' });
    expect(server.seen).toHaveLength(1);
  });

  test('is called again under the same key after its worker was killed', async () => {
    const { pool, url } = database;
    const server = await startJsonServer(() => ({ body: { output: 'done' } }));
    const agent = await makeExternalAgent('http', { url: server.url });
    const loaded = await loadWorkerProcess(url, { egressAllow: LOOPBACK });
    await worker?.stop(0);
    worker = undefined;
    const victim = await loaded.start('model.after:1:kill');
    const id = await insertRun(pool, agent);
    await victim.ended;
    await begin();
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'done' });
    const keys = server.seen.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toEqual([`${id}:2`, `${id}:2`]);
  });

  test('is the one of the version with which the run began', async () => {
    const { pool } = database;
    let count = 0;
    const old = await startJsonServer(() => {
      count += 1;
      return count === 1
        ? { status: 503, body: {}, headers: { 'retry-after': '20' } }
        : { body: { output: 'old' } };
    });
    const agent = await makeExternalAgent('http', { url: old.url });
    const id = await insertRun(pool, agent);
    await waitForStatus(pool, id, 'waiting');
    await pool.query(
      `update howdah.agents set engine_configuration = '{"url": "http://10.0.0.1/"}' where id = $1`,
      [agent],
    );
    await expect.poll(() => worker?.inFlight).toBe(0);
    await wakeNow(pool, id);
    expect(await waitForEnd(pool, id)).toMatchObject({ output: 'old' });
    await pool.query('select howdah.restore_agent_version($1, 1)', [agent]);
    expect(await runToEnd(pool, agent)).toMatchObject({ output: 'old' });
  });
});

describe('an agent that speaks the OpenAI format', () => {
  test('receives the whole conversation, with only its own key, and is priced by the agent’s model', async () => {
    const { pool } = database;
    const server = await startOpenAiServer(() => ({
      content: 'Hello from afar.',
      usage: { prompt_tokens: 1000, completion_tokens: 100 },
    }));
    const configuration = {
      base_url: server.url,
      model: 'their-agent',
      request_params: { temperature: 0 },
    };
    const agent = await makeExternalAgent('openai', configuration, { instruction: 'Be kind.' });
    const run = await runToEnd(pool, agent, 'Hi');
    expect(run).toMatchObject({ output: 'Hello from afar.', tokens_in: '1000', cost: '0' });
    expect(server.requests[0]).toMatchObject({
      path: '/v1/chat/completions',
      body: {
        model: 'their-agent',
        temperature: 0,
        messages: [
          { role: 'system', content: 'Be kind.' },
          { role: 'user', content: 'Hi' },
        ],
      },
    });
    expect(server.requests[0]?.headers).not.toHaveProperty('authorization');
    expect(server.requests[0]?.body).not.toHaveProperty('tools');
    await pool.query(
      `with price as (
         insert into howdah.models (name, provider, model, input_price, output_price) values ($2, 'openai', 'm', 2, 10) returning id
       )
       insert into howdah.agent_models (agent_id, model_id) select $1, id from price`,
      [agent, `price_${agent}`],
    );
    await pool.query(
      `update howdah.agents set engine_configuration = engine_configuration || '{"secret_name": "engine_key"}' where id = $1`,
      [agent],
    );
    const priced = await runToEnd(pool, agent, 'Hi');
    expect(Number(priced.cost)).toBeCloseTo(0.003);
    expect(server.requests[1]?.headers.authorization).toBe(`Bearer ${KEY}`);
    await expectEqualReplay(pool, priced.id);
    await server.close();
  });
});

describe('a function registered in code', () => {
  test('answers with the text it receives, and its usage counts', async () => {
    const { pool } = database;
    const agent = await makeExternalAgent('custom', {
      function: 'echo',
      request_params: { tone: 'dry' },
    });
    const run = await runToEnd(pool, agent, 'hi');
    expect(run).toMatchObject({ output: 'you said hi', tokens_in: '3', tokens_out: '4' });
    expect(requests.at(-1)).toEqual({
      input: 'hi',
      messages: [{ role: 'user', content: 'hi' }],
      request_params: { tone: 'dry' },
      execution_id: run.id,
      idempotency_key: `${run.id}:2`,
    });
  });

  test('may return JSON, be retried, fail and be cancelled', async () => {
    const { pool } = database;
    const structured = await makeExternalAgent(
      'custom',
      { function: 'structured' },
      { output_schema: { type: 'object', required: ['color'] } },
    );
    expect(await runToEnd(pool, structured)).toMatchObject({ output_data: { color: 'red' } });
    const flaky = await runToEnd(pool, await makeExternalAgent('custom', { function: 'flaky' }));
    expect(flaky).toMatchObject({ output: 'at last' });
    expect(await kindsOf(pool, flaky.id)).toBe('retry retry model output');
    expect(
      await runToEnd(pool, await makeExternalAgent('custom', { function: 'broken' })),
    ).toMatchObject({
      status: 'failed',
      error: { message: 'it is broken' },
    });
    const id = await insertRun(pool, await makeExternalAgent('custom', { function: 'slow' }));
    await waitForStatus(pool, id, 'running');
    await pool.query('select howdah.cancel_execution($1)', [id]);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'cancelled' });
  });

  test('that no worker has lets the run wait, and the run says so', async () => {
    const { pool } = database;
    const id = await insertRun(pool, await makeExternalAgent('custom', { function: 'none' }));
    const explained = async () =>
      (await pool.query('select howdah.explain_execution($1) as why', [id])).rows[0].why;
    await expect.poll(explained).toMatchObject({
      reason: 'worker_lacks_code',
      summary: expect.stringContaining('the engine none'),
    });
    await pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('may be a handoff target and a sub-agent', async () => {
    const { pool } = database;
    const target = await makeExternalAgent('custom', { function: 'echo' });
    const requestWith = async (configuration: JsonObject) => {
      const name = `to_${randomBytes(6).toString('hex')}`;
      await pool.query(
        `insert into howdah.tools (name, kind, agent_id, parameters, configuration) values ($1, 'agent', $2, '{"type": "object"}', $3)`,
        [name, target, configuration],
      );
      return makeAgent(pool, {
        script: [callTools({ name, arguments: { message: 'sub' } }), { content: 'done' }],
        tools: [name],
      });
    };
    expect(await runToEnd(pool, await requestWith({ handoff: true }), 'root')).toMatchObject({
      output: 'you said root',
    });
    const parent = await runToEnd(pool, await requestWith({}), 'root');
    const said = await messagesOf(pool, parent.id);
    expect(said.find(({ role }) => role === 'tool')?.content).toBe('you said sub');
  });
});

describe('rejects an engine', () => {
  test.each<[string, JsonObject, string]>([
    ['a2a', {}, 'url'],
    ['a2a', { url: 'https://x', skill: 'y' }, 'skill'],
    ['http', {}, 'url'],
    ['http', { url: 'ftp://x' }, 'url'],
    ['http', { url: 'https://x', timeout: 1 }, 'timeout'],
    ['openai', { base_url: 'https://x/v1' }, 'model'],
    ['custom', { function: '' }, 'function'],
    ['builtin', { url: 'https://x' }, 'url'],
    ['http', { url: 'https://user:geheim1234@example.com/' }, 'key'],
    ['http', { url: 'https://x', headers: { authorization: 'Bearer abcdefgh12345678' } }, 'key'],
  ])('%s %j', async (engine, configuration, about) => {
    await expect(makeExternalAgent(engine, configuration)).rejects.toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining(about),
    });
  });

  test('with an unknown secret, and keeps a secret that an engine names', async () => {
    await expect(
      makeExternalAgent('http', { url: 'https://x', secret_name: 'none' }),
    ).rejects.toMatchObject({ code: 'HWNTF' });
    await makeExternalAgent('http', { url: 'https://example.com', secret_name: 'engine_key' });
    await expect(
      database.pool.query(`select howdah.remove_secret('engine_key')`),
    ).rejects.toMatchObject({ code: 'HWCNF' });
  });

  test('from a member, who may edit agents but not choose where conversations are sent', async () => {
    const { pool } = database;
    const client = await pool.connect();
    try {
      await client.query('begin');
      const { rows } = await client.query(
        `select id as tenant_id from howdah.tenants where slug = 'default'`,
      );
      await client.query(
        `select set_config('howdah.tenant_id', $1, true), set_config('howdah.role', 'member', true)`,
        [rows[0].tenant_id],
      );
      await client.query('set local role howdah_app');
      await client.query(`insert into howdah.agents (name) values ('mine')`);
      await expect(
        client.query(
          `update howdah.agents set engine = 'http', engine_configuration = '{"url": "https://x"}' where name = 'mine'`,
        ),
      ).rejects.toMatchObject({ code: 'HWDEN' });
    } finally {
      await client.query('rollback');
      client.release();
    }
  });
});
