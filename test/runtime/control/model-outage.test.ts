import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { CustomEngine } from '../../../src/contracts/agents/engine.ts';
import type { AttemptInput } from '../../../src/runtime/model-calls/patience.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  type Execution,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  runToEnd,
  stepsOf,
  waitForEnd,
  waitForStatus,
  wakeNow,
} from '../arrange.ts';
import { expectEqualReplay } from '../replay/replay-runs.ts';
import { makeTeam, startTeam } from '../teams.ts';

const database = testDatabase();
let pool: typeof database.pool;
let worker: Worker;
const servers: FakeServer[] = [];
let engineFailures = 0;
const engines: CustomEngine[] = [
  {
    name: 'flaky',
    answer() {
      engineFailures += 1;
      if (engineFailures > 5) return 'at last';
      throw Object.assign(new Error('not yet'), { retryable: true, code: 'overloaded' });
    },
  },
];

beforeAll(async () => {
  pool = database.pool;
  worker = await startTestWorker(database.url, { engines });
});
beforeEach(async () => {
  engineFailures = 0;
  await setSeconds('backoff_initial_seconds', 60); // every wait is parked
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await pool.query('delete from howdah.settings');
});
afterAll(async () => {
  await worker.stop(1_000);
});

const setSeconds = (key: string, value: number) =>
  pool.query('insert into howdah.settings (key, value) values ($1, $2)', [key, value]);

const busy: FakeAnswer = { status: 503, error: { message: 'busy' } };
const ok: FakeAnswer = { content: 'Here.' };

/** Starts a server that is down for some requests, and returns it with a model that uses it. */
async function startModel(...answers: FakeAnswer[]) {
  const server = await startOpenAiServer(answers);
  servers.push(server);
  return { provider: 'openai', base_url: server.url, server };
}
const down = (requests: number) => Array<FakeAnswer>(requests).fill(busy);

/** Ends the waits of a run until it has ended, and returns it with its waits in seconds. */
async function passWaits(id: string): Promise<{ run: Execution; waits: number[] }> {
  const waits: number[] = [];
  for (;;) {
    await expect
      .poll(async () => (await executionOf(pool, id)).status)
      .toMatch(/waiting|completed|failed/);
    const run = await executionOf(pool, id);
    if (run.status !== 'waiting') return { run, waits };
    expect(run).toMatchObject({ waiting_for: 'timer', owner_worker: null });
    const { rows } = await pool.query(
      'select extract(epoch from wake_at - updated_at)::float8 as wait from howdah.executions where id = $1',
      [id],
    );
    waits.push(rows[0].wait);
    await expect.poll(() => worker.inFlight).toBe(0);
    await wakeNow(pool, id);
    await expect.poll(async () => (await executionOf(pool, id)).fence).toBeGreaterThan(run.fence);
  }
}

describe('a model server that is down', () => {
  test('is waited for in parked rows, and the run completes', async () => {
    const model = await startModel(...down(6), ok);
    const agent = await makeAgent(pool, { models: [model] });
    const { run, waits } = await passWaits(await insertRun(pool, agent));
    expect(run).toMatchObject({ status: 'completed', output: 'Here.' });
    expect(waits).toHaveLength(6);
    expect(Math.min(...waits)).toBeGreaterThan(29);
    expect(Math.max(...waits)).toBeLessThan(61);
    expect(await kindsOf(pool, run.id)).toBe('retry retry retry retry retry retry model output');
    await expectEqualReplay(pool, run.id);
  });

  test('ends the run after retry_for, and a retry by hand starts anew', async () => {
    const model = await startModel(...down(9));
    const agent = await makeAgent(pool, { models: [model], retry_for: 100 });
    const { run } = await passWaits(await insertRun(pool, agent));
    expect(run).toMatchObject({ status: 'failed', error: { code: 'overloaded' } });
    expect(run.error?.message).toContain('and retry_for is 100 s');
    // Steps are counted, not parked rows: what is left of 100 s may be too short to be parked.
    const failures = (await stepsOf(pool, run.id)).filter(({ kind }) => kind === 'retry');
    const last = failures.at(-1)?.input as AttemptInput | undefined;
    expect(last?.attempt).toBe(failures.length);
    expect(last?.elapsed_ms).toBeGreaterThan(99_000);
    await expectEqualReplay(pool, run.id);
    await pool.query('select howdah.retry_execution($1)', [run.id]);
    await waitForStatus(pool, run.id, 'waiting');
  });

  test('retry_for of the agent comes before the setting', async () => {
    await setSeconds('backoff_max_seconds', 0.1);
    await setSeconds('retry_for', 0);
    const [patient, plain] = [await startModel(...down(6), ok), await startModel(...down(6), ok)];
    const agent = await makeAgent(pool, { models: [patient], retry_for: 60 });
    expect(await runToEnd(pool, agent)).toMatchObject({ status: 'completed' });
    const other = await makeAgent(pool, { models: [plain] });
    const run = await runToEnd(pool, other);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'overloaded' } });
    expect(plain.server.requests).toHaveLength(4);
    await expectEqualReplay(pool, run.id);
  });

  test('costs no active time while the run waits', async () => {
    const agent = await makeAgent(pool, { models: [await startModel(busy, ok)], max_seconds: 30 });
    const id = await insertRun(pool, agent);
    await waitForStatus(pool, id, 'waiting');
    await expect.poll(() => worker.inFlight).toBe(0);
    await pool.query(
      `update howdah.executions set updated_at = now() - interval '1 hour', created_at = now() - interval '1 hour',
         started_at = now() - interval '1 hour' where id = $1`,
      [id],
    );
    await wakeNow(pool, id);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed' });
  });

  test('is explained: what failed, when it is tried again, and until when', async () => {
    const agent = await makeAgent(pool, { models: [await startModel(...down(2))] });
    const id = await insertRun(pool, agent);
    await waitForStatus(pool, id, 'waiting');
    const { rows } = await pool.query('select howdah.explain_execution($1) as why', [id]);
    expect(rows[0].why).toMatchObject({
      reason: 'timer',
      blocked_by: [{ kind: 'model', detail: expect.stringContaining('overloaded') }],
    });
    expect(rows[0].why.summary).toMatch(
      /^the run waits for the model agent_\w+_1, which failed 1 time \(overloaded\); the next attempt is at .{23}; the run fails if no call has succeeded by .{23}$/,
    );
  });

  test('of a key that is wrong fails the run at once', async () => {
    const model = await startModel({ status: 401 }, ok);
    const run = await runToEnd(pool, await makeAgent(pool, { models: [model] }));
    expect(run).toMatchObject({ status: 'failed', error: { code: 'unauthorized' } });
    expect(model.server.requests).toHaveLength(1);
  });

  test('that asks for a wait beyond retry_for fails the run at once', async () => {
    const limited = { status: 429, headers: { 'retry-after': '700' } };
    const model = await startModel(limited, ok);
    const run = await runToEnd(pool, await makeAgent(pool, { models: [model] }));
    expect(run).toMatchObject({ status: 'failed', error: { code: 'rate_limited' } });
    expect(run.error?.message).toContain('It asks to wait 700 s, but of retry_for (600 s)');
    await expectEqualReplay(pool, run.id);
  });

  test('and whose fallback is down too: both are called in turn', async () => {
    await pool.query('delete from howdah.settings');
    await setSeconds('backoff_max_seconds', 0.1);
    const [first, second] = [await startModel(...down(9)), await startModel(...down(5), ok)];
    const agent = await makeAgent(pool, { models: [first, second] });
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'completed', output: 'Here.' });
    const steps = (await stepsOf(pool, run.id)).filter(({ kind }) => kind === 'retry');
    expect(steps.map(({ name }) => name?.at(-1)).join('')).toBe('11112222121');
    await expectEqualReplay(pool, run.id);
  });
});

test('a router waits for its embedding model', async () => {
  const { base_url } = await startModel(...down(5), {
    vectors: [
      [1, 0],
      [1, 0],
      [0, 1],
    ],
  });
  const name = `embedder_${randomBytes(6).toString('hex')}`;
  await pool.query(
    `insert into howdah.models (name, provider, model, purpose, base_url) values ($1, 'openai', 'm', 'embedding', $2)`,
    [name, base_url],
  );
  const members = await Promise.all(
    ['orders', 'weather'].map(async (role) => ({
      agent: await makeAgent(pool, { script: [{ content: role }] }),
      role,
    })),
  );
  const configuration = { method: 'embedding', model: name };
  const team = await makeTeam(pool, { type: 'router', members, configuration });
  const id = await startTeam(pool, team, 'Where is it?');
  const failed = async () =>
    (await kindsOf(pool, id)).split(' ').filter((kind) => kind === 'retry').length;
  for (let count = 1; count <= 5; count += 1) {
    await expect.poll(failed).toBe(count);
    await waitForStatus(pool, id, 'waiting');
    await expect.poll(() => worker.inFlight).toBe(0);
    await wakeNow(pool, id);
  }
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'orders' });
});

test('an agent of another engine is called again, under the same key', async () => {
  const { rows } = await pool.query(
    `insert into howdah.agents (name, engine, engine_configuration)
     values ('flaky', 'custom', '{"function": "flaky"}') returning id`,
  );
  const { run, waits } = await passWaits(await insertRun(pool, rows[0].id));
  expect(run).toMatchObject({ status: 'completed', output: 'at last' });
  expect(waits).toHaveLength(5);
});
