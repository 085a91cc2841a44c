import { afterEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { IsolatedRun } from '../../../workers/isolation/isolator.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import {
  executionOf,
  findViolations,
  insertRun,
  makeAgent,
  waitForEnd,
} from '../../runtime/arrange.ts';
import { makeWorker } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker, type TestWorkerOptions } from '../../support/worker.ts';

// Runs that workers died with, and the worker that runs them alone. Here the deaths are rows.

const database = testDatabase();
const servers: FakeServer[] = [];
const workers: Worker[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(await findViolations(database.pool)).toEqual([]);
});

async function start(options: TestWorkerOptions): Promise<Worker> {
  const worker = await startTestWorker(database.url, options);
  workers.push(worker);
  return worker;
}

/** Lets two workers die with a run. */
async function crashTwice(id: string): Promise<void> {
  const { pool } = database;
  for (let n = 0; n < 2; n += 1) {
    const dying = await makeWorker(pool);
    await pool.query(
      'select execution_id from howdah_private.claim_executions($1, array[$2::uuid], 1, null)',
      [dying, id],
    );
    await pool.query('select howdah_private.forget_worker($1)', [dying]);
  }
  expect(await executionOf(pool, id)).toMatchObject({ crashes_without_progress: 2 });
}

describe('a run that two workers died with', () => {
  test('goes to a process of its own, and to none beside others', async () => {
    const { pool } = database;
    const id = await insertRun(pool, await makeAgent(pool, { script: [{ content: 'fine' }] }));
    await crashTwice(id);
    const orders: IsolatedRun[] = [];
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    await start({
      async runInProcess(run, signal) {
        orders.push(run);
        begin();
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return true;
      },
    });
    await begun;
    expect(orders).toEqual([{ id, isRepeated: false, parent: expect.any(String) }]);
    const other = await insertRun(pool, await makeAgent(pool, { script: [{ content: 'other' }] }));
    expect((await waitForEnd(pool, other)).output).toBe('other');
    expect(await executionOf(pool, id)).toMatchObject({ status: 'queued', owner_worker: null });
    await workers.pop()?.stop(0); // ends the process
    await pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('is alone in the process of the worker if no other process can run it', async () => {
    const { pool } = database;
    const server = await startOpenAiServer(() => ({ stall: 'before_headers' }));
    servers.push(server);
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const beside = await insertRun(pool, agent);
    await start({
      ...{ openai: server.url, alone: { graceMs: 0, aloneMs: 600_000 } },
      runInProcess: async () => false, // it does not start
    });
    await expect.poll(() => server.requests.length).toBe(1);
    const suspect = await insertRun(pool, agent, 'suspect', { run_at: new Date('2999-01-01') });
    await pool.query(
      `with crashed as (
         update howdah.executions set crashes_without_progress = 2, run_at = now() where id = $1
         returning id, tenant_id
       )
       insert into howdah_private.suspects (execution_id, tenant_id) select * from crashed`,
      [suspect],
    );
    await eventually(
      pool,
      'the suspect is alone',
      `select from howdah_private.workers as w
       where w.only_run = $1
         and array(select e.id::uuid from howdah.executions as e where e.owner_worker = w.id) = array[$1::uuid]`,
      [suspect],
    );
    await pool.query('select howdah.cancel_execution($1)', [suspect]);
    await eventually(
      pool,
      'the other run is at work again',
      `select from howdah.executions as e join howdah_private.workers as w on w.id = e.owner_worker
       where e.id = $1 and e.fence > 1 and w.only_run is null`,
      [beside],
    );
    await pool.query('select howdah.cancel_execution($1)', [beside]);
  });
});
