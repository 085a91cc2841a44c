import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, insertRun, makeAgent, waitForEnd } from '../arrange.ts';

const database = testDatabase();
let workers: Worker[];
/** Log lines of the workers. */
const lines: { healed?: number }[] = [];
const log = pino({}, { write: (line) => lines.push(JSON.parse(line)) });
/** Calls of the tool `note`, by idempotency key. */
const noted: string[] = [];

const note: CustomTool = {
  name: 'note',
  description: '',
  parameters: { type: 'object' },
  run: (_args, { idempotency_key }) => noted.push(idempotency_key),
};

beforeAll(async () => {
  workers = await Promise.all(
    [1, 2].map(() => startTestWorker(database.url, { tools: [note], concurrency: 20, log })),
  );
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop(1_000)));
});

test('two workers never duplicate a step, however often a run is woken', async () => {
  const { pool } = database;
  const script = [callTools({ name: 'note' }, { name: 'note' }), { content: 'done' }];
  const agent = await makeAgent(pool, { script, tools: ['note'] });
  const ids = await Promise.all(Array.from({ length: 100 }, () => insertRun(pool, agent)));
  for (let round = 0; round < 5; round += 1) {
    await pool.query('select howdah_private.enqueue_advance($1::uuid[])', [ids]);
  }
  const runs = await Promise.all(ids.map((id) => waitForEnd(pool, id)));
  expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['completed']));
  expect(new Set(runs.map(({ fence }) => fence))).toEqual(new Set([1]));
  expect([noted.length, new Set(noted).size]).toEqual([200, 200]);
  const { rows } = await pool.query(
    `select count(distinct worker)::int as workers, count(*)::int as steps from howdah.steps
     where execution_id = any ($1)`,
    [ids],
  );
  expect(rows).toEqual([{ workers: 2, steps: 500 }]);
});

test('a run whose row is locked when it is woken resumes once the lock is released', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { script: [{ content: 'done' }] });
  const id = await insertRun(pool, agent, 'later', { run_at: new Date(Date.now() + 3_600_000) });
  await pool.query('update howdah.executions set run_at = now() where id = $1', [id]);
  const client = await pool.connect();
  await client.query('begin');
  await client.query('select from howdah.executions where id = $1 for update', [id]);
  await pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
  await eventually(
    pool,
    'the wake-up was tried',
    `select where not exists (select from graphile_worker._private_jobs
       where key = $1 and attempts = 0 and run_at <= now())`,
    [id],
  );
  await client.query('commit');
  client.release();
  await eventually(
    pool,
    'the run goes on without the healer',
    'select from howdah.executions where id = $1 and completed_at is not null',
    [id],
  );
  expect(lines.filter(({ healed }) => healed !== undefined)).toEqual([]);
});
