import { afterAll, beforeAll, expect, test } from 'vitest';
import { followExecutions } from '../../../src/db/feed/follow-runs.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, createLatch, executionOf, insertRun, makeAgent, stepsOf } from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
const gate = createLatch();
const empty = { type: 'object' };

beforeAll(async () => {
  const run = () => gate.opened.then(() => 'seen');
  worker = await startTestWorker(database.url, {
    tools: [{ name: 'look', description: '', parameters: empty, run }],
  });
});
afterAll(async () => {
  await worker.stop(1_000);
});

test('a run that reaches a token limit during a tool call waits until the limit is raised', async () => {
  const { pool } = database;
  const usage = { tokens_in: 80, tokens_out: 20 };
  const slow = await makeAgent(pool, {
    script: [
      { ...callTools({ name: 'look' }), usage },
      { content: 'done', usage },
    ],
    tools: ['look'],
  });
  const quick = await makeAgent(pool, { script: [{ content: 'quick', usage }] });
  const { rows } = await pool.query(
    `insert into howdah.limits (metric, period, max_value) values ('tokens', 'month', 150) returning id`,
  );
  const waits = await insertRun(pool, slow);
  const isAt = (id: string, condition: string) =>
    eventually(pool, condition, `select from howdah.executions where id = $1 and ${condition}`, [
      id,
    ]);
  await eventually(
    pool,
    'its first answer is there',
    'select from howdah.execution_counters where execution_id = $1 and step_count = 1',
    [waits],
  );
  await isAt(await insertRun(pool, quick), `status = 'completed'`);
  gate.open();
  await isAt(waits, `waiting_for = 'quota'`);
  expect((await stepsOf(pool, waits)).map(({ kind }) => kind)).toEqual(['model', 'tool']);
  const late = await insertRun(pool, quick);
  await isAt(late, `waiting_for = 'quota'`);
  expect(await executionOf(pool, late)).toMatchObject({ step_count: 0 });
  await pool.query('update howdah.limits set max_value = 1000 where id = $1', [rows[0].id]);
  await isAt(waits, `status = 'completed'`);
  await isAt(late, `status = 'completed'`);
  const usages = await pool.query('select used from howdah.limit_usage');
  expect(usages.rows).toEqual([{ used: '400' }]);
});

test('a follower of a run blocked by a limit gets one event for it, and then its end', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { script: [{ content: 'done' }] });
  const limit = `insert into howdah.limits (scope, subject_id, metric, max_value) values ('agent', $1, 'tokens', 0)`;
  await pool.query(limit, [agent]);
  const id = await insertRun(pool, agent);
  const seen: string[] = [];
  for await (const event of followExecutions(database.url, [id], new AbortController().signal)) {
    if (event.type !== 'step') seen.push(event.type);
    if (event.type === 'limited') {
      await pool.query('delete from howdah.limits where agent_id = $1', [agent]);
    }
  }
  expect(seen).toEqual(['limited', 'end']);
});
