import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, makeAgentTool, resultsOf, runToEnd, stepsOf } from '../arrange.ts';
import { expectEqualReplay } from '../replay/replay-runs.ts';

const database = testDatabase();
let worker: Worker;
const servers: FakeServer[] = [];

const set = (key: string, value: number) =>
  database.pool.query(
    `insert into howdah.settings (key, value) values ($1, $2)
     on conflict (tenant_id, scope, key) do update set value = excluded.value`,
    [key, JSON.stringify(value)],
  );
const tool = (name: string, run: CustomTool['run']): CustomTool => {
  return { name, description: name, parameters: { type: 'object' }, run };
};
const tools = [
  tool('long', () => 'x'.repeat(100_000)),
  tool('short_long', () => 'x'.repeat(100_000)),
  tool('lower', async () => {
    await set('tool_result_bytes', 3_000);
    return 'x'.repeat(5_000);
  }),
  tool('busy', () => {
    throw Object.assign(new Error('busy'), { retryable: true, code: 'overloaded' });
  }),
];

beforeAll(async () => {
  worker = await startTestWorker(database.url, { tools, egressAllow: ['127.0.0.1'] });
  await database.pool.query(
    `update howdah.tools set configuration = '{"max_result_bytes": 4000}' where name = 'short_long'`,
  );
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  await database.pool.query('delete from howdah.settings');
});
afterAll(async () => {
  await worker.stop(1_000);
});

async function startModel(answers: FakeAnswer[]) {
  const server = await startOpenAiServer(answers);
  servers.push(server);
  return { provider: 'openai', base_url: server.url, server };
}
const busy: FakeAnswer = { status: 503, error: { message: 'busy' } };
const ok: FakeAnswer = { content: 'Here it is.' };
const retriesOf = async (id: string) =>
  (await stepsOf(database.pool, id)).filter(({ kind }) => kind === 'retry');

test('tool_result_bytes: limits a result when its tool sets no limit', async () => {
  const { pool } = database;
  const names = ['long', 'short_long'];
  const script = [callTools(...names.map((name) => ({ name }))), { content: 'done' }];
  const agent = await makeAgent(pool, { script, tools: names });
  const lengths = async () => {
    const { id } = await runToEnd(pool, agent);
    await expectEqualReplay(pool, id);
    return (await resultsOf(pool, id)).map((text) => text?.length ?? 0).toSorted((a, b) => a - b);
  };
  const [own = 0, plain = 0] = await lengths();
  expect(own).toBeLessThanOrEqual(4_000);
  expect(plain).toBeGreaterThan(60_000);
  await set('tool_result_bytes', 2_000);
  const [lowered = 0, still = 0] = await lengths();
  expect(lowered).toBeLessThanOrEqual(2_000);
  expect(still).toBe(own);
  await set('tool_result_bytes', 200_000);
  expect(await lengths()).toEqual([own, 100_000]);
});

test('tool_result_bytes: limits the answer of a sub-agent too', async () => {
  const { pool } = database;
  const child = await makeAgent(pool, { script: [{ content: 'y'.repeat(5_000) }] });
  const name = await makeAgentTool(pool, child);
  const script = [callTools({ name, arguments: { message: 'go' } }), { content: 'done' }];
  await set('tool_result_bytes', 1_000);
  const { id } = await runToEnd(pool, await makeAgent(pool, { script, tools: [name] }));
  const [result = ''] = await resultsOf(pool, id);
  expect(result).toContain('1000 are shown');
  expect(result.length).toBeLessThanOrEqual(1_000);
  await expectEqualReplay(pool, id);
});

test('a change applies to the next call of an active run', async () => {
  const { pool } = database;
  const script = [callTools({ name: 'lower' }), callTools({ name: 'long' }), { content: 'done' }];
  const { id } = await runToEnd(pool, await makeAgent(pool, { script, tools: ['lower', 'long'] }));
  const [first = '', second = ''] = await resultsOf(pool, id);
  expect(first).toHaveLength(5_000);
  expect(second.length).toBeLessThanOrEqual(3_000);
  await expectEqualReplay(pool, id);
});

test.each([1, 2, 6])(
  'model_attempts: %i attempts with one model, then the next is called',
  async (attempts) => {
    await set('backoff_max_seconds', 0.1);
    await set('model_attempts', attempts);
    const [first, second] = [await startModel(Array(7).fill(busy)), await startModel([ok])];
    const agent = await makeAgent(database.pool, { models: [first, second] });
    const run = await runToEnd(database.pool, agent);
    expect(run).toMatchObject({ status: 'completed', output: 'Here it is.' });
    expect(first.server.requests).toHaveLength(attempts);
    const retries = await retriesOf(run.id);
    expect(retries.map(({ input }) => input)).toMatchObject(
      Array.from({ length: attempts }, (_, i) => ({ attempt: i + 1, attempts })),
    );
    await expectEqualReplay(database.pool, run.id);
  },
);

test('model_attempts: the default is four; it counts alone if retry_for is 0', async () => {
  await set('backoff_max_seconds', 0.1);
  const model = await startModel([busy, busy, busy, busy, ok]);
  const agent = await makeAgent(database.pool, { models: [model], retry_for: 0 });
  const run = await runToEnd(database.pool, agent);
  expect(run).toMatchObject({ status: 'failed', stop_reason: 'error' });
  expect((await retriesOf(run.id)).map(({ input }) => input)).toEqual(
    [1, 2, 3, 4].map((attempt) => ({ attempt })),
  );
});

test('back-off: never exceeds the setting for models and tools', async () => {
  await set('backoff_initial_seconds', 60);
  await set('backoff_max_seconds', 0.1);
  const models = [await startModel([busy, busy, busy, ok])];
  const script = [callTools({ name: 'busy' }), { content: 'done' }];
  for (const spec of [{ models }, { script, tools: ['busy'] }]) {
    const run = await runToEnd(database.pool, await makeAgent(database.pool, spec));
    expect(run.status).toBe('completed');
    const delays = (await retriesOf(run.id)).map(
      ({ output }) => (output as { delay_ms: number }).delay_ms,
    );
    expect(delays).toHaveLength(3);
    expect(Math.max(...delays)).toBeLessThanOrEqual(100);
  }
});

test('max_depth: the last sub-agent allowed cannot call another one', async () => {
  const { pool } = database;
  await set('max_depth', 1);
  const last = await makeAgentTool(pool, await makeAgent(pool, { script: [{ content: 'deep' }] }));
  const asking = (name: string) => [
    callTools({ name, arguments: { message: 'go' } }),
    { content: 'done' },
  ];
  const middle = await makeAgent(pool, { script: asking(last), tools: [last] });
  const name = await makeAgentTool(pool, middle);
  const top = await runToEnd(pool, await makeAgent(pool, { script: asking(name), tools: [name] }));
  expect(await resultsOf(pool, top.id)).toEqual(['done']);
  const { rows } = await pool.query(
    'select id from howdah.executions where parent_execution_id = $1',
    [top.id],
  );
  const [result = ''] = await resultsOf(pool, rows[0].id);
  expect(result).toContain('maximum depth of child runs (1) reached');
});
