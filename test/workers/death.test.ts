import { pino } from 'pino';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { Worker } from '../../workers/start-worker.ts';
import {
  callTools,
  executionOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  stepsOf,
  waitForEnd,
} from '../runtime/arrange.ts';
import { makeWorker } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { killWorkerProcesses, startWorkerProcess, type WorkerProcess } from './worker-process.ts';

const database = testDatabase();
const servers: FakeServer[] = [];
const workers: Worker[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  killWorkerProcesses();
});

/**
 * Starts a server whose first `silent` requests hang until their client disconnects. It answers all
 * others.
 */
async function startHangingModel(silent: number): Promise<FakeServer> {
  const server = await startOpenAiServer(({ index }) =>
    index < silent ? { stall: 'before_headers' } : { content: 'answered' },
  );
  servers.push(server);
  return server;
}

async function startHere(openai: string): Promise<Worker> {
  const worker = await startTestWorker(database.url, { openai });
  workers.push(worker);
  return worker;
}

test('a dead worker that cannot be removed is reported until it is removed', async () => {
  const { pool } = database;
  const lines: string[] = [];
  const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) });
  const stuck = await makeWorker(pool);
  await pool.query(
    `create function public.refuse_removal() returns trigger language plpgsql
       as $$ begin raise exception 'the row is kept'; end $$;
     create trigger refuse_removal before delete on howdah_private.workers
       for each row when (old.id = '${stuck}') execute function public.refuse_removal()`,
  );
  try {
    workers.push(await startTestWorker(database.url, { log }));
    await expect
      .poll(() => lines.join(''))
      .toMatch(
        new RegExp(
          `${stuck} could not be removed: the row is kept.*dead workers could not be removed`,
        ),
      );
  } finally {
    await pool.query('drop function public.refuse_removal() cascade');
  }
  const gone = 'select 1 where not exists (select from howdah_private.workers where id = $1)';
  await eventually(pool, 'the dead worker is removed', gone, [stuck]);
});

describe('a worker that is killed', () => {
  test('is replaced: its runs continue elsewhere, and no step is duplicated', async () => {
    const { pool } = database;
    const RUNS = 20;
    const server = await startHangingModel(RUNS);
    const victim = await startWorkerProcess(database.url, { openai: server.url });
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const ids = await Promise.all(Array.from({ length: RUNS }, () => insertRun(pool, agent)));
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(RUNS);
    const owners = await Promise.all(ids.map((id) => executionOf(pool, id)));
    await startHere(server.url);
    const killed = performance.now();
    victim.signal('SIGKILL');
    const resumed = ids.map(async (id) => {
      await eventually(
        pool,
        'the run is claimed again',
        'select from howdah.executions where id = $1 and started_at is not null and fence > $2',
        [id, (owners[0]?.fence ?? 0) + 1],
      );
      return performance.now() - killed;
    });
    const times = (await Promise.all(resumed)).toSorted((a, b) => a - b);
    console.log(
      `killed → resumed: first ${times[0]?.toFixed()} ms, last of ${RUNS} ${times.at(-1)?.toFixed()} ms`,
    );
    for (const [index, id] of ids.entries()) {
      expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed', output: 'answered' });
      expect(await kindsOf(pool, id)).toBe('model output');
      expect((await stepsOf(pool, id))[0]?.worker).not.toBe(owners[index]?.owner_worker);
    }
    expect(server.requests).toHaveLength(2 * RUNS);
    expect((await victim.ended).signal).toBe('SIGKILL');
  });
});

describe('a run that kills its workers', () => {
  test('ends as poison after three deaths; the queue continues and a bystander run is not blamed', async () => {
    const { pool } = database;
    const server = await startOpenAiServer(() => ({ stall: 'before_headers' }));
    servers.push(server);
    let deaths = 0;
    let child: WorkerProcess | undefined;
    let isOver = false;
    const supervised = (async () => {
      while (!isOver) {
        child = await startWorkerProcess(database.url, { openai: server.url });
        const { signal } = await child.ended;
        deaths += Number(signal === 'SIGKILL' && !isOver);
      }
    })();
    await eventually(
      pool,
      'the tool is known',
      `select from howdah.tools where name = 'kill_this_process'`,
    );
    const bystander = await insertRun(
      pool,
      await makeAgent(pool, { models: [{ provider: 'openai' }] }),
    );
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(1);
    const poison = await insertRun(
      pool,
      await makeAgent(pool, {
        script: [callTools({ name: 'kill_this_process' }), { content: 'never' }],
        tools: ['kill_this_process'],
      }),
    );
    const run = await waitForEnd(pool, poison);
    expect(run).toMatchObject({
      status: 'failed',
      stop_reason: 'poison',
      error: { code: 'internal' },
    });
    expect(await kindsOf(pool, poison)).toBe('model error');
    expect(deaths).toBe(3);
    const next = await insertRun(pool, await makeAgent(pool, { script: [{ content: 'moving' }] }));
    expect((await waitForEnd(pool, next)).output).toBe('moving');
    await expect
      .poll(async () => (await executionOf(pool, bystander)).status, { timeout: 60_000 })
      .toBe('running');
    isOver = true;
    child?.signal('SIGKILL');
    await supervised;
    await pool.query('select howdah.cancel_execution($1)', [bystander]);
  });
});

describe('a worker that receives SIGTERM', () => {
  test('commits work in flight, releases the rest, and exits 0 well within its grace period', async () => {
    const { pool } = database;
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const server = await startOpenAiServer(async () => {
      await gate;
      return { content: 'in time' };
    });
    servers.push(server);
    const child = await startWorkerProcess(database.url, {
      openai: server.url,
      graceMs: 3_600_000,
    });
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const id = await insertRun(pool, agent);
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(1);
    child.signal('SIGTERM');
    await eventually(
      pool,
      'it takes no more',
      `select where not exists (select from pg_stat_activity where datname = current_database()
         and query ~ 'jobs:insert' and application_name = 'howdah-worker')`,
    );
    const late = await insertRun(pool, agent, 'late');
    open();
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(await executionOf(pool, id)).toMatchObject({ status: 'completed', output: 'in time' });
    expect(await executionOf(pool, late)).toMatchObject({ status: 'queued', fence: 0 });
    expect((await pool.query('select from howdah_private.workers')).rowCount).toBe(0);
    await startHere(server.url);
    expect((await waitForEnd(pool, late)).output).toBe('in time');
  });

  test('releases unfinished runs at the end of its grace period', async () => {
    const { pool } = database;
    const child = await startWorkerProcess(database.url, { graceMs: 100 });
    const script = [callTools({ name: 'wait_for_ever' }), { content: 'never' }];
    const agent = await makeAgent(pool, { script, tools: ['wait_for_ever'] });
    const id = await insertRun(pool, agent);
    await eventually(pool, 'the tool runs', 'select from howdah.steps where execution_id = $1', [
      id,
    ]);
    child.signal('SIGTERM');
    expect(await child.ended).toEqual({ code: 0, signal: null });
    expect(await executionOf(pool, id)).toMatchObject({
      status: 'queued',
      owner_worker: null,
      crashes_without_progress: 0,
    });
    await pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('hands its run to another worker on exit, without waiting for a reaper', async () => {
    const { pool } = database;
    const server = await startHangingModel(1);
    const leaving = await startWorkerProcess(database.url, { openai: server.url, graceMs: 100 });
    const id = await insertRun(pool, await makeAgent(pool, { models: [{ provider: 'openai' }] }));
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(1);
    const first = await executionOf(pool, id);
    const staying = await startWorkerProcess(database.url, { openai: server.url });
    leaving.signal('SIGTERM');
    expect(await leaving.ended).toEqual({ code: 0, signal: null });
    // the worker released the run itself before it ended, and was not reported dead
    expect((await executionOf(pool, id)).owner_worker).not.toBe(first.owner_worker);
    expect(await waitForEnd(pool, id)).toMatchObject({
      ...{ status: 'completed', output: 'answered' },
      ...{ fence: first.fence + 2, crashes_without_progress: 0 }, // released once, claimed once
    });
    expect((await stepsOf(pool, id))[0]?.worker).not.toBe(first.owner_worker);
    staying.signal('SIGTERM');
    expect(await staying.ended).toEqual({ code: 0, signal: null });
  });
});
