import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent } from '../arrange.ts';

// `npm run bench -- waiting` measures 10,000 runs.

const RUNS = 500;

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(0);
});

/** Returns the size of the heap in megabytes after garbage collection. */
function heapMegabytes(): number {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  return process.memoryUsage().heapUsed / 2 ** 20;
}

test('runs that wait for people hold no resources of a worker; one statement answers all', async () => {
  const { pool } = database;
  const ask = callTools({ name: 'ask_user', arguments: { question: 'Shall we?' } });
  const agent = await makeAgent(pool, { script: [ask, { content: 'done' }], tools: ['ask_user'] });
  const all = (where: string) =>
    eventually(
      pool,
      `${RUNS} runs are ${where}`,
      `select from howdah.executions where agent_id = $1 and ${where} having count(*) = $2`,
      [agent, RUNS],
    );
  const before = heapMegabytes();
  await pool.query(
    `insert into howdah.executions (agent_id, input)
       select $1, 'ticket ' || i from generate_series(1, $2::int) as i`,
    [agent, RUNS],
  );
  await all(`waiting_for = 'question'`);
  await expect.poll(() => worker.inFlight).toBe(0);
  expect(heapMegabytes() - before).toBeLessThan(20);
  const answered = await pool.query(
    `select howdah.answer_question(id, 'yes') from howdah.questions where status = 'open'`,
  );
  expect(answered.rowCount).toBe(RUNS);
  await all(`status = 'completed'`);
  const { rows } = await pool.query(
    `select count(*)::int as results from howdah.messages where role = 'tool' and content = 'yes'`,
  );
  expect(rows).toEqual([{ results: RUNS }]);
});
