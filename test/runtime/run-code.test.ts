import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../src/contracts/json.ts';
import type { Worker } from '../../workers/main.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { killWorkerProcesses, loadWorkerProcess } from '../workers/child.ts';
import {
  brokenPromises,
  calling,
  ended,
  insertRun,
  kindsOf,
  makeAgent,
  resultsOf,
  runToEnd,
  stepsOf,
} from './arrange.ts';

// run_code in runs: what the model hears, what ends it, what becomes of it when its worker dies.

let database: TestDatabase;
let worker: Worker;
beforeAll(async () => {
  database = await createTestDatabase();
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(0);
  killWorkerProcesses();
  expect(await brokenPromises(database.pool)).toEqual([]);
  await database.drop();
});

/** An agent that runs one program of JavaScript and says that it is done. */
async function running(code: string, configuration: JsonObject = {}): Promise<string> {
  const call = { name: 'run_code', arguments: { language: 'javascript', code } };
  const script = [calling(call), { content: 'done' }];
  const agent = await makeAgent(database.pool, { script, tools: ['run_code'] });
  await configure(agent, configuration);
  return agent;
}

const configure = (agent: string, configuration: JsonObject) =>
  database.pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
    agent,
    JSON.stringify(configuration),
  ]);

test('the model is told the result and what was printed', async () => {
  const run = await runToEnd(database.pool, await running('console.log("sum"); 19 + 23'));
  expect(await resultsOf(database.pool, run.id)).toEqual(['{"result":42,"stdout":"sum"}']);
  expect(await stepsOf(database.pool, run.id)).toMatchObject([
    { kind: 'model' },
    { kind: 'tool', name: 'run_code', output: { result: 42 }, error: null },
    { kind: 'model' },
    { kind: 'output' },
  ]);
});

test('the model is told what is wrong, in the form of every error, and is asked again at once', async () => {
  const run = await runToEnd(database.pool, await running('let n = 1;\nnope(n)'));
  expect(run).toMatchObject({ status: 'completed', output: 'done' });
  expect((await resultsOf(database.pool, run.id)).map((text) => JSON.parse(text))).toEqual([
    {
      error: {
        code: 'tool_failed',
        message: "ReferenceError: 'nope' is not defined (line 2, column 1)",
        retryable: false,
        details: { line: 2, column: 1, stdout: '' },
      },
    },
  ]);
  expect(await kindsOf(database.pool, run.id)).toBe('model tool model output');
});

test('an agent that was not given it cannot call it', async () => {
  const call = { name: 'run_code', arguments: { language: 'javascript', code: '1' } };
  const agent = await makeAgent(database.pool, {
    script: [calling(call), { content: 'done' }],
    tools: ['todo'],
  });
  const run = await runToEnd(database.pool, agent);
  expect(await resultsOf(database.pool, run.id)).toEqual([
    expect.stringContaining('"unknown_tool"'),
  ]);
});

test("the limits of an agent's configuration hold, over those of the tool", async () => {
  const run = await runToEnd(database.pool, await running('for (;;) {}', { timeout_ms: 150 }));
  expect(await resultsOf(database.pool, run.id)).toEqual([
    expect.stringContaining('it took more than 150 ms'),
  ]);
});

test('runs that are cancelled make room for others', async () => {
  const { pool } = database;
  const agent = await running('for (;;) {}', { timeout_ms: 60_000 });
  const ids = await Promise.all(
    Array.from({ length: availableParallelism() + 1 }, () => insertRun(pool, agent)),
  );
  for (const id of ids) {
    await eventually(
      pool,
      `run ${id} has asked for its call`,
      `select from howdah.steps where execution_id = $1 and kind = 'model'`,
      [id],
    );
  }
  const after = await insertRun(pool, await running('7'));
  await pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as c (id)', [ids]);
  expect(await ended(pool, after)).toMatchObject({ status: 'completed', output: 'done' });
  for (const id of ids) {
    expect(await ended(pool, id)).toMatchObject({ status: 'cancelled' });
    expect(await kindsOf(pool, id)).not.toContain('tool');
  }
});

test.each(['tool.before:1', 'tool.after:1'])(
  'a worker killed at %s takes nothing with it',
  async (failpoint) => {
    const { pool } = database;
    await worker.stop(0);
    const loaded = await loadWorkerProcess(database.url);
    const doomed = await loaded.start(`${failpoint}:kill`);
    const id = await insertRun(pool, await running('6 * 7'));
    await doomed.ended;
    worker = await startTestWorker(database.url);
    expect(await ended(pool, id)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await resultsOf(pool, id)).toEqual(['{"result":42,"stdout":""}']);
    expect(await kindsOf(pool, id)).toBe('model tool model output');
  },
);
