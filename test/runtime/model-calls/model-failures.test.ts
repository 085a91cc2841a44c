import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
  streamOf,
} from '../../../chaos/load/openai-server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  type Execution,
  executionOf,
  insertRun,
  kindsOf,
  type ModelSpec,
  makeAgent,
  messagesOf,
  runToEnd,
  shortenBackOff,
  stepsOf,
  waitForEnd,
  wakeNow,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
const servers: FakeServer[] = [];

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  await shortenBackOff(database.pool);
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});
afterAll(async () => {
  await worker.stop(1_000);
});

/** Starts a server that gives these answers in order; the real client calls it. */
async function startModel(answers: FakeAnswer[]): Promise<FakeServer> {
  const server = await startOpenAiServer(answers);
  servers.push(server);
  return server;
}

async function run(...answers: FakeAnswer[]): Promise<{ server: FakeServer; run: Execution }> {
  const server = await startModel(answers);
  const agent = await makeAgent(database.pool, { models: [at(server)], max_seconds: 60 });
  return { server, run: await runToEnd(database.pool, agent) };
}

const at = (server: Pick<FakeServer, 'url'>): ModelSpec => ({
  provider: 'openai',
  base_url: server.url,
});
const busy: FakeAnswer = { status: 500, error: { message: 'busy' } };
const ok: FakeAnswer = { content: 'Here.' };

describe('a retryable failure', () => {
  test('429 with Retry-After: the next attempt is not earlier than that', async () => {
    const limited = {
      status: 429,
      headers: { 'retry-after': '1' },
      error: { message: 'slow down' },
    };
    const times: number[] = [];
    const answers = [limited, ok];
    const server = await startOpenAiServer(({ index }) => {
      times.push(performance.now());
      return answers[index] ?? busy;
    });
    servers.push(server);
    const agent = await makeAgent(database.pool, { models: [at(server)] });
    const { id, status } = await runToEnd(database.pool, agent);
    expect(status).toBe('completed');
    // timers count whole milliseconds
    expect((times[1] ?? 0) - (times[0] ?? 0)).toBeGreaterThanOrEqual(999);
    expect(await kindsOf(database.pool, id)).toBe('retry model output');
    const [retry] = await stepsOf(database.pool, id);
    expect(retry).toMatchObject({
      input: { attempt: 1 },
      error: { code: 'rate_limited', retryable: true, retry_after_ms: 1000 },
    });
    expect(retry?.output).toHaveProperty(
      'delay_ms',
      expect.toSatisfy((ms: number) => ms >= 1000),
    );
  });

  test.each<[string, FakeAnswer, string]>([
    ['a 429 without Retry-After', { status: 429 }, 'rate_limited'],
    ['a 503', { status: 503 }, 'overloaded'],
    ['a dropped connection', { reset: true }, 'unreachable'],
    ['an HTML page with 200', { raw: '<html>It works!</html>' }, 'bad_answer'],
    ['an empty answer with 200', { raw: '' }, 'bad_answer'],
    [
      'a stream that ends halfway',
      { content: 'Half of it', cut: { after: 150, how: 'end' } },
      'bad_answer',
    ],
    [
      'a stream with a lost connection',
      { content: 'Half of it', cut: { after: 150, how: 'reset' } },
      'bad_answer',
    ],
  ])(
    '%s, then an answer: one retry step, and the failed output is discarded',
    async (_what, failure, code) => {
      const { run: ended, server } = await run(failure, ok);
      expect(ended).toMatchObject({ status: 'completed', output: 'Here.', model_count: 1 });
      expect(await kindsOf(database.pool, ended.id)).toBe('retry model output');
      expect((await stepsOf(database.pool, ended.id))[0]?.error?.code).toBe(code);
      const messages = await messagesOf(database.pool, ended.id);
      expect(messages.map(({ content }) => content)).toEqual(['hello', 'Here.']);
      expect(server.requests[1]?.body).toEqual(server.requests[0]?.body);
    },
  );

  test('an incomplete tool call is never executed', async () => {
    const call = {
      tool_calls: [{ name: 'drop_everything', arguments: { really: 'yes, all of it' } }],
    };
    const whole = streamOf(call).length;
    for (const after of [0.4, 0.5, 0.6].map((part) => Math.floor(whole * part))) {
      const { run: ended } = await run({ ...call, cut: { after, how: 'end' } }, ok);
      expect(await kindsOf(database.pool, ended.id)).toBe('retry model output');
    }
  });
});

describe('a model that keeps failing', () => {
  test('is called four times, each in the log, then the next model answers', async () => {
    const [first, second] = [await startModel([busy, busy, busy, busy]), await startModel([ok])];
    const agent = await makeAgent(database.pool, { models: [at(first), at(second)] });
    const { id, status } = await runToEnd(database.pool, agent);
    expect(status).toBe('completed');
    expect(await kindsOf(database.pool, id)).toBe('retry retry retry retry model output');
    const steps = await stepsOf(database.pool, id);
    expect(steps.slice(0, 4).map(({ input }) => input)).toEqual(
      [1, 2, 3, 4].map((attempt) => ({ attempt })),
    );
    expect(steps[4]?.name).toBe(`${steps[0]?.name?.replace(/_1$/, '')}_2`);
    expect([first.requests.length, second.requests.length]).toEqual([4, 1]);
  });

  test('without a fallback fails the run with its last error', async () => {
    const server = await startModel([busy, busy, busy, { status: 429 }]);
    const agent = await makeAgent(database.pool, { models: [at(server)] });
    const run = await runToEnd(database.pool, agent);
    expect(run).toMatchObject({
      status: 'failed',
      stop_reason: 'error',
      error: { code: 'rate_limited', retryable: false },
      model_count: 0,
    });
    expect(await kindsOf(database.pool, run.id)).toBe('retry retry retry retry error');
    expect(server.requests).toHaveLength(4);
  });

  test('reports a refused connection', async () => {
    // a port that is never assigned automatically: a closed port may be reused by the next test
    const agent = await makeAgent(database.pool, {
      models: [at({ url: 'http://127.0.0.1:2/v1' })],
    });
    expect((await runToEnd(database.pool, agent)).error?.code).toBe('unreachable');
  });
});

describe('a failure that is not retryable', () => {
  test.each([
    [400, 'invalid_request'],
    [401, 'unauthorized'],
    [404, 'not_found'],
  ])('%i fails the run at once', async (status, code) => {
    const { run: ended, server } = await run({ status, error: { message: 'no' } }, ok);
    expect(ended).toMatchObject({ status: 'failed', stop_reason: 'error', error: { code } });
    expect(server.requests).toHaveLength(1);
    expect(await kindsOf(database.pool, ended.id)).toBe('retry error');
  });

  test('falls back to the next model at once', async () => {
    const [first, second] = [await startModel([{ status: 401 }]), await startModel([ok])];
    const agent = await makeAgent(database.pool, { models: [at(first), at(second)] });
    expect((await runToEnd(database.pool, agent)).output).toBe('Here.');
  });

  test.each([
    [401, 'unauthorized'],
    [404, 'not_found'],
    [400, 'invalid_request'],
  ])('%i is not hidden by an answer of local', async (status, code) => {
    const [wrong, down] = [
      await startModel([{ status }]),
      await startModel([busy, busy, busy, busy]),
    ];
    const agent = await makeAgent(database.pool, {
      models: [at(wrong), at(down), { provider: 'local' }],
    });
    const run = await runToEnd(database.pool, agent);
    expect(run).toMatchObject({ status: 'failed', error: { code }, model_count: 0 });
    expect(down.requests).toHaveLength(4);
  });

  test('an overload falls back to local', async () => {
    const server = await startModel([busy, busy, busy, busy]);
    const agent = await makeAgent(database.pool, { models: [at(server), { provider: 'local' }] });
    expect(await runToEnd(database.pool, agent)).toMatchObject({ status: 'completed' });
  });

  test('an unknown provider is named', async () => {
    const agent = await makeAgent(database.pool, { models: [{ provider: 'local' }] });
    // a row written before the check existed
    await database.pool.query(
      `update howdah.models as m set provider = 'opnai', from_environment = true
       from howdah.agent_models as x where x.agent_id = $1 and m.id = x.model_id`,
      [agent],
    );
    const { error, stop_reason } = await runToEnd(database.pool, agent);
    expect(stop_reason).toBe('error');
    expect(error?.message).toMatch(/opnai.*openai/);
  });
});

describe('a long Retry-After', () => {
  test('parks the run as a row without a worker, and the run resumes on time', async () => {
    const { pool } = database;
    const limited = { status: 429, headers: { 'retry-after': '3600' } };
    const server = await startModel([limited, ok]);
    const id = await insertRun(pool, await makeAgent(pool, { models: [at(server)] }));
    const parked = await eventually<Execution & { parked_ms: number }>(
      pool,
      'the run is parked',
      `select *, extract(epoch from wake_at - updated_at)::float8 * 1000 as parked_ms from howdah.executions where id = $1 and status = 'waiting'`,
      [id],
    );
    expect(parked).toMatchObject({ waiting_for: 'timer', owner_worker: null, stop_reason: null });
    expect(parked.parked_ms).toBeGreaterThan(3_500_000);
    await expect.poll(() => worker.inFlight).toBe(0);
    await pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
    expect(await executionOf(pool, id)).toMatchObject({ status: 'waiting', fence: parked.fence });
    expect(server.requests).toHaveLength(1);
    await wakeNow(pool, id);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'Here.' });
    expect(await kindsOf(pool, id)).toBe('retry model output');
  });
});
