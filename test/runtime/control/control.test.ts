import { afterEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { rolledBack } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  createLatch,
  executionOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
const workers: Worker[] = [];
const servers: FakeServer[] = [];

afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(await findViolations(database.pool)).toEqual([]);
});

async function start(tools: CustomTool[] = []): Promise<Worker> {
  const worker = await startTestWorker(database.url, { tools });
  workers.push(worker);
  return worker;
}

async function hangingServer(): Promise<FakeServer> {
  const server = await startOpenAiServer(() => ({ stall: 'before_headers' }));
  servers.push(server);
  return server;
}

const cancel = (id: string) => database.pool.query('select howdah.cancel_execution($1)', [id]);

function tool(name: string, run: CustomTool['run']): CustomTool {
  return { name, description: '', parameters: { type: 'object' }, run };
}

describe('cancel', () => {
  test('during a model call aborts the request', async () => {
    const { pool } = database;
    const server = await hangingServer();
    const worker = await start();
    const agent = await makeAgent(pool, {
      models: [{ provider: 'openai', base_url: server.url }],
    });
    const id = await insertRun(pool, agent);
    await expect.poll(() => server.requests.length).toBe(1);
    await cancel(id);
    await server.requests[0]?.left;
    await expect.poll(() => worker.inFlight).toBe(0);
    expect(await executionOf(pool, id)).toMatchObject({
      status: 'cancelled',
      stop_reason: 'cancelled',
      owner_worker: null,
      step_count: 0,
    });
  });

  test('during a tool call signals the tool and commits none of its result', async () => {
    const { pool } = database;
    const started = createLatch();
    const heard = createLatch<unknown>();
    const worker = await start([
      tool('wait', (_args, { signal }) => {
        signal.addEventListener('abort', () => heard.open(signal.aborted));
        started.open();
        return new Promise(() => {});
      }),
    ]);
    const script = [callTools({ name: 'wait' }), { content: 'never' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['wait'] }));
    await started.opened;
    await cancel(id);
    expect(await heard.opened).toBe(true);
    await expect.poll(() => worker.inFlight).toBe(0);
    expect(await kindsOf(pool, id)).toBe('model');
  });

  test('during a SQL tool does not wait for it and commits none of its result', async () => {
    const { pool } = database;
    await pool.query(`
      create schema shop;
      create table shop.orders (n int);
      create function shop.order_slowly() returns void language sql as
        'insert into shop.orders values (1); select pg_advisory_xact_lock_shared(22)';
      grant select, insert on shop.orders to howdah_app;
      select howdah.register_sql_tool('shop.order_slowly()')`);
    const worker = await start();
    const script = [callTools({ name: 'order_slowly' }), { content: 'never' }];
    const agent = await makeAgent(pool, { script, tools: ['order_slowly'] });
    const status = await rolledBack(pool, async (holder) => {
      await holder.query('select pg_advisory_xact_lock(22)');
      const id = await insertRun(pool, agent);
      const at = `select pid from pg_stat_activity where wait_event = 'advisory' and datname = current_database()`;
      const { pid } = await eventually<{ pid: number }>(pool, 'the tool waits for the lock', at);
      // the lock is still held: a cancel that waits for the tool would never return
      await cancel(id);
      await eventually(
        pool,
        'its statement has ended at the server',
        `select where not exists (select from pg_stat_activity where pid = $1 and wait_event = 'advisory')`,
        [pid],
        30_000, // the tool's timeout of 60 seconds would end the statement too
      );
      await expect.poll(() => worker.inFlight).toBe(0);
      expect(await kindsOf(pool, id)).toBe('model');
      return (await executionOf(pool, id)).status;
    });
    expect(status).toBe('cancelled');
    expect((await pool.query('select from shop.orders')).rowCount).toBe(0);
  });

  test('of a queued or parked run leaves nothing to do', async () => {
    const { pool } = database;
    const limited = await startOpenAiServer(() => ({
      status: 429,
      headers: { 'retry-after': '600' },
    }));
    servers.push(limited);
    await start();
    const later = await insertRun(pool, await makeAgent(pool, { script: [] }), 'later', {
      run_at: new Date(Date.now() + 3_600_000),
    });
    const agent = await makeAgent(pool, {
      models: [{ provider: 'openai', base_url: limited.url }],
    });
    const parked = await insertRun(pool, agent);
    await eventually(
      pool,
      'the run is parked',
      `select from howdah.executions where id = $1 and status = 'waiting'`,
      [parked],
    );
    for (const id of [later, parked]) {
      await cancel(id);
      expect(await executionOf(pool, id)).toMatchObject({ status: 'cancelled', waiting_for: null });
    }
    const { rows } = await pool.query(
      'select key from graphile_worker._private_jobs where key = any ($1)',
      [[later, parked]],
    );
    expect(rows).toEqual([]);
  });

  test('during the commit of the last step: exactly one of the two wins', async () => {
    const { pool } = database;
    await start();
    const agent = await makeAgent(pool, { script: [{ content: 'done' }] });
    const ids = await Promise.all(Array.from({ length: 40 }, () => insertRun(pool, agent)));
    const refused = await Promise.all(
      ids.map((id) =>
        cancel(id).then(
          () => null,
          (error) => error,
        ),
      ),
    );
    for (const [index, id] of ids.entries()) {
      const run = await waitForEnd(pool, id);
      expect(run.status).toBe(refused[index] ? 'completed' : 'cancelled');
      expect(refused[index]?.code ?? 'HWTRM').toBe('HWTRM');
      expect(await kindsOf(pool, id)).toBe(refused[index] ? 'model output' : '');
    }
  });
});

describe('a stopping worker', () => {
  test('hands over its runs, and committed steps are not repeated', async () => {
    const { pool } = database;
    const done: string[] = [];
    const hangs = createLatch();
    const quick = tool('quick', (_args, { idempotency_key }) => done.push(idempotency_key));
    const slow = (isFirst: boolean) =>
      tool('slow', (_args, { idempotency_key }) => {
        done.push(idempotency_key);
        if (isFirst) hangs.open();
        return isFirst ? new Promise(() => {}) : 'at last';
      });
    const first = await startTestWorker(database.url, { tools: [quick, slow(true)] });
    const script = [callTools({ name: 'quick' }, { name: 'slow' }), { content: 'done' }];
    const agent = await makeAgent(pool, { script, tools: ['quick', 'slow'] });
    const id = await insertRun(pool, agent);
    await hangs.opened;
    await eventually(
      pool,
      'quick is committed',
      'select from howdah.steps where execution_id = $1 and seq = 2',
      [id],
    );
    await first.stop(0);
    expect(first.inFlight).toBe(0);
    expect(await executionOf(pool, id)).toMatchObject({ status: 'queued', owner_worker: null });
    await start([quick, slow(false)]);
    expect((await waitForEnd(pool, id)).output).toBe('done');
    expect(await kindsOf(pool, id)).toBe('model tool tool model output');
    const steps = await stepsOf(pool, id);
    expect(new Set(steps.map(({ worker }) => worker)).size).toBe(2);
    // `quick` once; `slow` twice under the same key
    expect([done.length, new Set(done).size]).toEqual([3, 2]);
  });

  test('lets a model call in progress commit within the grace period and starts no further step', async () => {
    const { pool } = database;
    const gate = createLatch();
    const modelCalled = createLatch();
    const calls: string[] = [];
    const server = await startOpenAiServer(async ({ body }) => {
      const isFirst = (body.messages as unknown[]).length === 1;
      modelCalled.open();
      if (isFirst) await gate.opened;
      return isFirst ? { tool_calls: [{ name: 'note', arguments: {} }] } : { content: 'done' };
    });
    servers.push(server);
    const note = (who: string) => tool('note', () => calls.push(who));
    const first = await startTestWorker(database.url, { tools: [note('first')] });
    const agent = await makeAgent(pool, {
      models: [{ provider: 'openai', base_url: server.url }],
      tools: ['note'],
    });
    const id = await insertRun(pool, agent);
    await modelCalled.opened;
    const stopped = first.stop(20_000);
    gate.open();
    await stopped;
    expect(await kindsOf(pool, id)).toBe('model');
    expect((await executionOf(pool, id)).status).toBe('queued');
    await start([note('second')]);
    await waitForEnd(pool, id);
    expect(calls).toEqual(['second']);
    expect(server.requests).toHaveLength(2);
  });

  test('claims nothing more; runs inserted later wait for another worker', async () => {
    const { pool } = database;
    const first = await startTestWorker(database.url, {});
    await first.stop(0);
    const agent = await makeAgent(pool, { script: [{ content: 'done' }] });
    const id = await insertRun(pool, agent);
    expect((await executionOf(pool, id)).status).toBe('queued');
    await start();
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect((await pool.query('select from howdah_private.workers')).rowCount).toBe(1);
  });

  test('leaves no connection open', async () => {
    const { pool } = database;
    const worker = await startTestWorker(database.url, {});
    await runToEnd(pool, await makeAgent(pool, { script: [{ content: 'done' }] }));
    await worker.stop();
    await eventually(
      pool,
      'all connections of the worker are closed',
      `select where not exists (select from pg_stat_activity
         where datname = current_database() and application_name like 'howdah-%')`,
    );
  });
});
