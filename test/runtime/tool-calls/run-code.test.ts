import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { replayRun } from '../../../src/index.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { killWorkerProcesses, loadWorkerProcess } from '../../workers/worker-process.ts';
import {
  callTools,
  insertRun,
  kindsOf,
  makeAgent,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { loadExport } from '../replay/replay-runs.ts';

// run_code in runs: the results for the model, the limits, and the death of its worker.

const database = testDatabase();
let worker: Worker;
beforeAll(async () => {
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(0);
  killWorkerProcesses();
});

/** Makes an agent that runs one JavaScript program and then answers. */
async function makeCodeAgent(
  code: string,
  configuration: JsonObject = {},
  more: JsonObject = {},
): Promise<string> {
  const call = { name: 'run_code', arguments: { language: 'javascript', code, ...more } };
  const script = [callTools(call), { content: 'done' }];
  const agent = await makeAgent(database.pool, { script, tools: ['run_code'] });
  await configure(agent, configuration);
  return agent;
}

const configure = (agent: string, configuration: JsonObject) =>
  database.pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
    agent,
    JSON.stringify(configuration),
  ]);

test('the model receives the result and the printed output', async () => {
  const run = await runToEnd(database.pool, await makeCodeAgent('console.log("sum"); 19 + 23'));
  expect(await resultsOf(database.pool, run.id)).toEqual(['{"result":42,"stdout":"sum"}']);
  expect(await stepsOf(database.pool, run.id)).toMatchObject([
    { kind: 'model' },
    { kind: 'tool', name: 'run_code', output: { result: 42 }, error: null },
    { kind: 'model' },
    { kind: 'output' },
  ]);
});

test('the model receives an error in the standard form and is called again at once', async () => {
  const run = await runToEnd(database.pool, await makeCodeAgent('let n = 1;\nnope(n)'));
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

test('an agent without the tool cannot call it', async () => {
  const call = { name: 'run_code', arguments: { language: 'javascript', code: '1' } };
  const agent = await makeAgent(database.pool, {
    script: [callTools(call), { content: 'done' }],
    tools: ['todo'],
  });
  const run = await runToEnd(database.pool, agent);
  expect(await resultsOf(database.pool, run.id)).toEqual([
    expect.stringContaining('"unknown_tool"'),
  ]);
});

test("limits in an agent's configuration override those of the tool", async () => {
  const run = await runToEnd(
    database.pool,
    await makeCodeAgent('for (;;) {}', { timeout_ms: 150 }),
  );
  expect(await resultsOf(database.pool, run.id)).toEqual([
    expect.stringContaining('it took more than 150 ms'),
  ]);
});

test('cancelled runs free their capacity for others', async () => {
  const { pool } = database;
  const agent = await makeCodeAgent('for (;;) {}', { timeout_ms: 60_000 });
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
  const after = await insertRun(pool, await makeCodeAgent('7'));
  await pool.query('select howdah.cancel_execution(id) from unnest($1::uuid[]) as c (id)', [ids]);
  expect(await waitForEnd(pool, after)).toMatchObject({ status: 'completed', output: 'done' });
  for (const id of ids) {
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'cancelled' });
    expect(await kindsOf(pool, id)).not.toContain('tool');
  }
});

test.each(['tool.before:1', 'tool.after:1'])(
  'a worker killed at %s loses nothing',
  async (failpoint) => {
    const { pool } = database;
    await worker.stop(0);
    const loaded = await loadWorkerProcess(database.url);
    const doomed = await loaded.start(`${failpoint}:kill`);
    const id = await insertRun(pool, await makeCodeAgent('6 * 7'));
    await doomed.ended;
    worker = await startTestWorker(database.url);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await resultsOf(pool, id)).toEqual(['{"result":42,"stdout":""}']);
    expect(await kindsOf(pool, id)).toBe('model tool model output');
  },
);

const filesOf = async (id: string) =>
  (
    await database.pool.query(
      `select r.id, r.name, r.type, convert_from(r.bytes, 'UTF8') as text, r.metadata from howdah.resources as r
       where r.execution_id = $1 order by r.id`,
      [id],
    )
  ).rows;

describe('files', () => {
  test('of a program become files of its run, and the model receives their list', async () => {
    const { pool } = database;
    const code = `files.write('a.csv', 'n\\n1\\n'); files.write('b.txt', 'b'); 1`;
    const run = await runToEnd(pool, await makeCodeAgent(code));
    const files = await filesOf(run.id);
    const metadata = {
      tool: 'run_code',
      call: expect.stringContaining(run.id),
      written_by_execution_id: run.id,
    };
    expect(files).toEqual([
      { id: expect.any(String), name: 'a.csv', type: 'text/csv', text: 'n\n1\n', metadata },
      { id: expect.any(String), name: 'b.txt', type: 'text/plain', text: 'b', metadata },
    ]);
    const [result] = await resultsOf(pool, run.id);
    expect(JSON.parse(result ?? '')).toEqual({
      ...{ result: 1, stdout: '' },
      files: [
        { id: files[0].id, name: 'a.csv', type: 'text/csv', bytes: 4 },
        { id: files[1].id, name: 'b.txt', type: 'text/plain', bytes: 1 },
      ],
    });
    const { rows } = await pool.query('select trust from howdah.executions where id = $1', [
      run.id,
    ]);
    expect(rows).toEqual([{ trust: 'internal' }]);
  });

  test('of the conversation are readable by name and id, and lower the trust of the run', async () => {
    const { pool } = database;
    const agent = await makeCodeAgent(
      `files.write('sum.txt', String(files.read('orders.csv').length + files.read('more.csv').length)); 0`,
      {},
    );
    const { rows: made } = await pool.query(
      `insert into howdah.sessions (title) values ('orders') returning id`,
    );
    const { rows: files } = await pool.query(
      `insert into howdah.resources (name, type, bytes, session_id)
       select n, 'text/csv', 'a,b', $1 from unnest(array['orders.csv', 'more.csv']) as n returning id`,
      [made[0].id],
    );
    await pool.query(
      `update howdah.agent_models set request_params = jsonb_set(request_params,
         '{script,0,tool_calls,0,arguments,resources}', $2) where agent_id = $1`,
      [agent, JSON.stringify(['orders.csv', files[1].id])],
    );
    const { rows: runs } = await pool.query(
      'insert into howdah.executions (agent_id, session_id, input) values ($1, $2, $3) returning id',
      [agent, made[0].id, 'x'],
    );
    const { id } = runs[0];
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', trust: 'external' });
    expect(await filesOf(id)).toMatchObject([
      { name: 'sum.txt', text: '6', metadata: { trust: 'external' } },
    ]);
  });

  test('outside the conversation are not found; the hint lists the available ones', async () => {
    const { pool } = database;
    const other = await runToEnd(pool, await makeCodeAgent(`files.write('secret.txt', 'x'); 1`));
    const [foreign] = await filesOf(other.id);
    for (const word of ['secret.txt', foreign.id]) {
      const agent = await makeCodeAgent(`1`, {}, { resources: [word] });
      const run = await runToEnd(pool, agent);
      const [result] = await resultsOf(pool, run.id);
      expect(JSON.parse(result ?? '')).toMatchObject({
        error: {
          code: 'tool_failed',
          message: `this conversation has no file "${word}"`,
          details: { hint: 'Its files: none.' },
        },
      });
    }
  });

  test('beyond a quota are all rejected, and the model is informed', async () => {
    const { pool } = database;
    const agent = await makeCodeAgent(
      `files.write('a', 'x'); files.write('b', 'y'.repeat(100)); 1`,
    );
    const { rows } = await pool.query(
      `insert into howdah.limits (metric, max_value) select 'storage', coalesce(sum(size), 0) + 50 from howdah.resources returning id`,
    );
    const run = await runToEnd(pool, agent);
    expect(await resultsOf(pool, run.id)).toEqual([
      expect.stringMatching(/"limit_reached".*its files were not kept/),
    ]);
    expect(await filesOf(run.id)).toEqual([]);
    await pool.query('delete from howdah.limits where id = $1', [rows[0].id]);
  });

  test('are stored once when a worker is killed before it reports them', async () => {
    const { pool } = database;
    await worker.stop(0);
    const loaded = await loadWorkerProcess(database.url);
    const doomed = await loaded.start(`tool.after:1:kill`);
    const id = await insertRun(pool, await makeCodeAgent(`files.write('a.txt', 'once'); 1`));
    await doomed.ended;
    expect(await filesOf(id)).toMatchObject([{ name: 'a.txt', text: 'once' }]);
    worker = await startTestWorker(database.url);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'done' });
    const files = await filesOf(id);
    expect(files).toMatchObject([{ name: 'a.txt', text: 'once' }]);
    const [result] = await resultsOf(pool, id);
    expect(JSON.parse(result ?? '').files).toEqual([
      { id: files[0].id, name: 'a.txt', type: 'text/plain', bytes: 4 },
    ]);
  });

  test('are not written again by a replay', async () => {
    const { pool } = database;
    const run = await runToEnd(pool, await makeCodeAgent(`files.write('a.txt', 'x'); 1`));
    const [file] = await filesOf(run.id);
    await pool.query('delete from howdah.resources where id = $1', [file.id]);
    expect(await replayRun(await loadExport(pool, run.id))).toMatchObject({ equal: true });
    expect(await filesOf(run.id)).toEqual([]);
  });
});
