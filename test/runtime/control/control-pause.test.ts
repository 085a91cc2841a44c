import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  childrenOf,
  createLatch,
  executionOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  makeAgentTool,
  waitForEnd,
  waitForStatus,
} from '../arrange.ts';

const database = testDatabase();
const workers: Worker[] = [];
const servers: FakeServer[] = [];
const processes: ChildProcess[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  await Promise.all(servers.splice(0).map((server) => server.close()));
  for (const process of processes.splice(0)) process.kill('SIGKILL');
  expect(await findViolations(database.pool)).toEqual([]);
});

async function start(tools: CustomTool[] = []): Promise<Worker> {
  const worker = await startTestWorker(database.url, { tools });
  workers.push(worker);
  return worker;
}

/**
 * Starts a model that answers when its gate allows it. `answer` receives the number of earlier
 * answers.
 */
async function startGatedModel(answer: (answers: number) => FakeAnswer) {
  const gate = createGate();
  const server = await startOpenAiServer(async ({ body, left }) => {
    await gate.pass(left);
    const messages = body.messages as { role: string }[];
    return answer(messages.filter(({ role }) => role === 'assistant').length);
  });
  servers.push(server);
  return { gate, server, models: [{ provider: 'openai', base_url: server.url }] };
}

const pause = (id: string) => database.pool.query('select howdah.pause_execution($1)', [id]);
const resume = (id: string) => database.pool.query('select howdah.resume_execution($1)', [id]);
const cancel = (id: string) => database.pool.query('select howdah.cancel_execution($1)', [id]);
const tool = (name: string, run: CustomTool['run']): CustomTool => {
  return { name, description: '', parameters: { type: 'object' }, run };
};
const calls = (...names: string[]) => ({
  tool_calls: names.map((name) => ({ name, arguments: {} })),
});

test('a pause during a model call: the answer commits, and its calls run after the resume', async () => {
  const { pool } = database;
  const made: string[] = [];
  await start([tool('note', () => made.push('note'))]);
  const { gate, server, models } = await startGatedModel((n) =>
    n === 0 ? calls('note') : { content: 'x' },
  );
  const id = await insertRun(pool, await makeAgent(pool, { models, tools: ['note'] }));
  await expect.poll(() => gate.waiting).toBe(1);
  await pause(id);
  expect(await executionOf(pool, id)).toMatchObject({ status: 'running' });
  gate.allow(1);
  await waitForStatus(pool, id, 'paused');
  expect([await kindsOf(pool, id), made]).toEqual(['model', []]);
  gate.allow(1);
  await resume(id);
  expect((await waitForEnd(pool, id)).output).toBe('x');
  expect(await kindsOf(pool, id)).toBe('model tool model output');
  expect([server.requests.length, made.length]).toEqual([2, 1]);
});

test('a pause during several tool calls: calls in progress commit, and none runs twice', async () => {
  const { pool } = database;
  const made: string[] = [];
  const gates = { one: createLatch(), two: createLatch() };
  const wait = (name: 'one' | 'two') =>
    tool(name, async () => {
      made.push(name);
      await gates[name].opened;
      return name;
    });
  await start([wait('one'), wait('two')]);
  const script = [callTools({ name: 'one' }, { name: 'two' }), { content: 'done' }];
  const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['one', 'two'] }));
  await expect.poll(() => made.length).toBe(2);
  await pause(id);
  gates.one.open();
  await eventually(pool, 'one', 'select from howdah.steps where execution_id = $1 and seq = 2', [
    id,
  ]);
  expect(await executionOf(pool, id)).toMatchObject({ status: 'running' });
  gates.two.open();
  await waitForStatus(pool, id, 'paused');
  expect(await kindsOf(pool, id)).toBe('model tool tool');
  await resume(id);
  expect((await waitForEnd(pool, id)).output).toBe('done');
  expect(made).toHaveLength(2);
});

test('a pause during the final answer: the run ends', async () => {
  const { pool } = database;
  await start();
  const { gate, models } = await startGatedModel(() => ({ content: 'done' }));
  const id = await insertRun(pool, await makeAgent(pool, { models }));
  await expect.poll(() => gate.waiting).toBe(1);
  await pause(id);
  gate.allow(1);
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'done' });
});

test('a pause resumed before the run could park: the run continues', async () => {
  const { pool } = database;
  await start([tool('note', () => null)]);
  const { gate, models } = await startGatedModel((n) =>
    n === 0 ? calls('note') : { content: 'x' },
  );
  const id = await insertRun(pool, await makeAgent(pool, { models, tools: ['note'] }));
  await expect.poll(() => gate.waiting).toBe(1);
  await pause(id);
  await resume(id);
  gate.allow(2);
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', fence: 1 });
});

test('a pause during a wait for a retry: the retry happens after the resume', async () => {
  const { pool } = database;
  await start();
  const { gate, models } = await startGatedModel(() => ({
    status: 503,
    headers: { 'retry-after': '600' },
  }));
  const id = await insertRun(pool, await makeAgent(pool, { models }));
  await expect.poll(() => gate.waiting).toBe(1);
  await pause(id);
  gate.allow(1);
  await waitForStatus(pool, id, 'paused');
  await resume(id);
  expect(await executionOf(pool, id)).toMatchObject({ status: 'waiting', waiting_for: 'timer' });
  await cancel(id);
});

test('a pause while a run waits for a person: the answer is processed after the resume', async () => {
  const { pool } = database;
  await start();
  const script = [
    callTools({ name: 'ask_user', arguments: { question: 'Which?' } }),
    { content: 'thanks', expect: { last_content_contains: 'blue' } },
  ];
  const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['ask_user'] }));
  await waitForStatus(pool, id, 'waiting');
  await pause(id);
  await pool.query(
    `select howdah.answer_question(id, 'blue') from howdah.questions where execution_id = $1`,
    [id],
  );
  expect(await executionOf(pool, id)).toMatchObject({ status: 'paused' });
  await resume(id);
  expect((await waitForEnd(pool, id)).output).toBe('thanks');
});

test('a pause of a tree: the child’s current step commits, and both continue when resumed', async () => {
  const { pool } = database;
  await start();
  const { gate, models } = await startGatedModel((n) =>
    n < 2 ? calls('todo') : { content: 'found' },
  );
  const helper = await makeAgent(pool, { models, tools: ['todo'] });
  const ask = await makeAgentTool(pool, helper);
  const script = [callTools({ name: ask, arguments: { message: 'Look.' } }), { content: 'done' }];
  const id = await insertRun(pool, await makeAgent(pool, { script, tools: [ask] }));
  await expect.poll(() => gate.waiting).toBe(1);
  await waitForStatus(pool, id, 'waiting');
  await pause(id);
  const [child] = await childrenOf(pool, id);
  expect((await executionOf(pool, id)).status).toBe('paused');
  gate.allow(1);
  await waitForStatus(pool, child?.id ?? '', 'paused');
  expect(await kindsOf(pool, child?.id ?? '')).toBe('model');
  await resume(id);
  gate.allow(2);
  expect((await waitForEnd(pool, id)).output).toBe('done');
  expect(await kindsOf(pool, id)).toBe('model child_started child tool model output');
});

test('a cancel after a pause: the run ends, and calls in progress are aborted', async () => {
  const { pool } = database;
  const worker = await start();
  const { gate, server, models } = await startGatedModel(() => ({ content: 'never' }));
  const id = await insertRun(pool, await makeAgent(pool, { models }));
  await expect.poll(() => gate.waiting).toBe(1);
  await pause(id);
  await cancel(id);
  await server.requests[0]?.left;
  await expect.poll(() => worker.inFlight).toBe(0);
  expect(await executionOf(pool, id)).toMatchObject({ status: 'cancelled', step_count: 0 });
});

test('a worker killed between the request and the park leaves the run paused', async () => {
  const { pool } = database;
  const { gate, server, models } = await startGatedModel(() => ({ content: 'done' }));
  const script = fileURLToPath(new URL('../../support/worker-process.ts', import.meta.url));
  const env = { ...process.env, DATABASE_URL: database.url, OPENAI_BASE_URL: server.url };
  const doomed = spawn(process.execPath, [script], { env, stdio: ['ignore', 'pipe', 'ignore'] });
  processes.push(doomed);
  await once(doomed.stdout as NodeJS.EventEmitter, 'data');
  const id = await insertRun(pool, await makeAgent(pool, { models }));
  await expect.poll(() => gate.waiting, { timeout: 60_000 }).toBe(1);
  await pause(id);
  doomed.kill('SIGKILL');
  await once(doomed, 'exit');
  await start(); // detects the dead worker
  await waitForStatus(pool, id, 'paused');
  gate.allow(2);
  await resume(id);
  expect((await waitForEnd(pool, id)).output).toBe('done');
});
