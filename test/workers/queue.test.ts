import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createPool } from '../../src/db/pool.ts';
import { forgivingPool } from '../../workers/forgiving-pool.ts';
import { ended, insertRun, makeAgent } from '../runtime/arrange.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { type FaultProxy, type Passage, startFaultProxy } from '../support/fault-proxy.ts';
import { killWorkerProcesses, startWorkerProcess, type WorkerProcess } from './child.ts';

// What Graphile Worker does when connections are lost at bad moments must not end the process, nor leave it deaf.

let database: TestDatabase;
let proxy: FaultProxy;
let agent: string;

beforeAll(async () => {
  database = await createTestDatabase();
  proxy = await startFaultProxy(database.url);
  agent = await makeAgent(database.pool, { script: [{ content: 'done' }] });
});
beforeEach(() => {
  proxy.toServer = () => 'pass';
});
afterAll(async () => {
  killWorkerProcesses();
  await proxy.close();
  await database.drop();
});

const COMPLETION = 'delete from "graphile_worker"._private_jobs';
const LISTEN = 'LISTEN "jobs:insert"; LISTEN';
const TASKS = 'insert into "graphile_worker"._private_tasks';

async function finishes(worker: WorkerProcess): Promise<void> {
  const id = await insertRun(database.pool, agent);
  expect((await ended(database.pool, id)).status).toBe('completed');
  expect(worker.isAlive).toBe(true);
  worker.signal('SIGKILL');
  await worker.ended;
}

test('a queue that shuts itself down while its LISTEN is unanswered does not take the process with it', async () => {
  const listening: Passage[] = [];
  const replaced = Promise.withResolvers<void>();
  let isCut = false;
  proxy.toServer = (chunk, passage) => {
    const text = chunk.toString('latin1');
    if (text.includes(LISTEN) && listening.push(passage) === 1) return 'drop';
    if (text.includes(LISTEN)) replaced.resolve();
    if (isCut || !text.includes(COMPLETION)) return 'pass';
    isCut = true;
    return 'cut';
  };
  const worker = await startWorkerProcess(proxy.url);
  await insertRun(database.pool, agent);
  await replaced.promise;
  listening[0]?.client.resetAndDestroy();
  await finishes(worker);
});

test('a queue whose first search for a job fails is replaced by one that finds some', async () => {
  const worker = await startWorkerProcess(proxy.url);
  const fatal = [COMPLETION, TASKS]; // the queue shuts itself down, and the next one cannot begin
  const isOver = Promise.withResolvers<void>();
  proxy.toServer = (chunk) => {
    if (!fatal[0] || !chunk.toString('latin1').includes(fatal[0])) return 'pass';
    fatal.shift();
    if (fatal.length === 0) isOver.resolve();
    return 'cut';
  };
  await insertRun(database.pool, agent);
  await isOver.promise;
  await finishes(worker);
});

test('connections for the queue are refused without a code, and released once', async () => {
  const pool = forgivingPool(
    createPool({ url: database.url, applicationName: 'test', max: 1, role: 'howdah_worker' }),
  );
  const release = await new Promise<() => void>((resolve) =>
    pool.connect((_error, _client, done) => resolve(done)),
  );
  release();
  release();
  expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  await pool.end();
  const nowhere = forgivingPool(
    createPool({ url: 'postgres://127.0.0.1:1/nowhere', applicationName: 'test' }),
  );
  await expect(nowhere.connect()).rejects.toSatisfy(
    (error: Error) => !('code' in error) && /ECONNREFUSED/.test(String(error.cause)),
  );
});
