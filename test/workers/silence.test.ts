import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FaultProxy, type Rule, startFaultProxy } from '../../chaos/faults/fault-proxy.ts';
import type { Worker } from '../../workers/start-worker.ts';
import {
  callTools,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  waitForEnd,
} from '../runtime/arrange.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { killWorkerProcesses, startWorkerProcess } from './worker-process.ts';

// Silent connections: no data arrives any more, and no error is reported. A database that fails
// over to another machine leaves such connections behind, and so does a frozen worker.

const database = testDatabase();
let proxy: FaultProxy;
let worker: Worker;

beforeAll(async () => {
  await database.pool.query(`
    create schema shop;
    create table shop.counter (n int not null);
    insert into shop.counter values (0);
    create function shop.bump() returns int language sql as
      'update shop.counter set n = n + 1 returning n';
    grant select, update on shop.counter to howdah_app;
    select howdah.register_sql_tool('shop.bump()')`);
  proxy = await startFaultProxy(database.url);
});
afterAll(async () => {
  killWorkerProcesses();
  await worker.stop(0);
  await proxy.close();
});

const script = [callTools({ name: 'bump' }), { content: 'done' }];

async function readCounter(): Promise<number> {
  return (await database.pool.query('select n from shop.counter')).rows[0].n;
}

/**
 * Returns a rule that silences the connection that sends this request next. `isSilent` resolves
 * when the connection is silent.
 */
function silenceOn(request: RegExp): { isSilent: Promise<void>; rule: Rule } {
  const { promise, resolve } = Promise.withResolvers<void>();
  let isOver = false;
  const rule: Rule = (chunk, connection) => {
    if (isOver || !request.test(chunk.toString('latin1'))) return 'pass';
    isOver = true;
    connection.isSilent = true;
    resolve();
    return 'drop';
  };
  return { isSilent: promise, rule };
}

test('a worker frozen in the transaction of a SQL tool does not block others', async () => {
  const { pool } = database;
  const frozen = await startWorkerProcess(proxy.url);
  const agent = await makeAgent(pool, { script, tools: ['bump'] });
  const { rule, isSilent } = silenceOn(/^Q.{4}commit\0/s);
  proxy.toServer = rule;
  const id = await insertRun(pool, agent);
  await isSilent;
  // its transaction has written the step and holds the lock of the run's row
  frozen.signal('SIGSTOP');
  const { owner_worker: old } = await executionOf(pool, id);
  worker = await startTestWorker(proxy.url, { answerWithinMs: 2_000 });
  await pool.query(
    `update howdah_private.workers set heartbeat_at = now() - interval '1 minute' where id = $1`,
    [old],
  );
  const run = await eventually<{ status: string }>(
    pool,
    'somebody else finishes it',
    'select status from howdah.executions where id = $1 and completed_at is not null',
    [id],
  );
  expect(run.status).toBe('completed');
  expect(await kindsOf(pool, id)).toBe('model tool model output');
  expect(await readCounter()).toBe(1);
  frozen.signal('SIGKILL');
});

test.each([
  ['a commit of steps', /commit_steps/],
  ['the commit of a SQL tool', /^Q.{4}commit\0/s],
  ['a claim', /claim_executions/],
  ['a wake-up', /get_job|_private_jobs/],
])('a connection that stops responding at %s is abandoned', async (_what, request) => {
  const { pool } = database;
  const before = await readCounter();
  const agent = await makeAgent(pool, { script, tools: ['bump'] });
  const { rule, isSilent } = silenceOn(request);
  proxy.toServer = rule;
  const id = await insertRun(pool, agent);
  await isSilent;
  expect((await waitForEnd(pool, id)).status).toBe('completed');
  expect(await readCounter()).toBe(before + 1);
});

test('the worker reconnects when all connections stop responding at once', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { script, tools: ['bump'] });
  for (const connection of proxy.connections) {
    connection.isSilent = true;
  }
  const ids = await Promise.all(Array.from({ length: 20 }, () => insertRun(pool, agent)));
  for (const id of ids) {
    expect((await waitForEnd(pool, id)).status).toBe('completed');
  }
});
