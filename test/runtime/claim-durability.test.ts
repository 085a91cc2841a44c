import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { CustomEngine } from '../../src/contracts/engine.ts';
import type { CustomTool } from '../../src/contracts/tool.ts';
import type { Worker } from '../../workers/main.ts';
import { claim, commit, makeWorker } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { type FaultProxy, type Passage, startFaultProxy } from '../support/fault-proxy.ts';
import { type FakeRequest, type FakeServer, startOpenAiServer } from '../support/openai-server.ts';
import { startTestWorker } from '../support/worker.ts';
import { calling, ended, insertRun, kindsOf, makeAgent } from './arrange.ts';

// A claim is on disk some time after the worker has it. Here the flush is held, or never comes.

const database = testDatabase();
let proxy: FaultProxy;
let server: FakeServer;
let worker: Worker;
let answer: (request: FakeRequest) => Promise<string>;

let notes = 0;
const note: CustomTool = {
  name: 'note',
  description: '',
  parameters: { type: 'object' },
  run() {
    notes += 1;
    return 'noted';
  },
};
let engineCalls = 0;
const engine: CustomEngine = {
  name: 'counted',
  answer() {
    engineCalls += 1;
    return 'done';
  },
};
const start = () =>
  startTestWorker(proxy.url, { openai: server.url, tools: [note], engines: [engine] });

beforeAll(async () => {
  proxy = await startFaultProxy(database.url);
  server = await startOpenAiServer(async (request) => ({ content: await answer(request) }));
  worker = await start();
});
afterEach(() => {
  proxy.toServer = () => 'pass';
  proxy.toClient = () => 'pass';
});
afterAll(async () => {
  await worker.stop(0);
  await proxy.close();
  await server.close();
});

type Flush = { chunk: Buffer; passage: Passage };

/** Holds the first flush of a claim, and counts the commits that are sent meanwhile. */
function holdFlush() {
  const { promise: held, resolve } = Promise.withResolvers<Flush>();
  let isHeld = false;
  let commits = 0;
  proxy.toServer = (chunk, passage) => {
    if (chunk.includes('commit_steps')) commits += 1;
    if (isHeld || !chunk.includes('flush_claims')) return 'pass';
    isHeld = true;
    resolve({ chunk, passage });
    return 'drop';
  };
  return { held, commits: () => commits };
}

/** Waits for two heartbeats of the worker: by then it has done what it waits for nobody to do. */
async function heartbeats(): Promise<void> {
  const alive = 'select from howdah_private.workers having max(heartbeat_at) > $1';
  for (const _ of [1, 2]) {
    const { rows } = await database.pool.query('select clock_timestamp() as now');
    await eventually(database.pool, 'the worker is at work', alive, [rows[0].now]);
  }
}

test('a model is called before the claim is on disk, and its answer is committed after', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
  const answered = Promise.withResolvers<void>();
  answer = async () => {
    answered.resolve();
    return 'early';
  };
  const flush = holdFlush();
  const id = await insertRun(pool, agent);
  const { chunk, passage } = await flush.held;
  await answered.promise;
  await heartbeats();
  expect(flush.commits()).toBe(0);
  passage.server.write(chunk);
  expect(await ended(pool, id)).toMatchObject({ status: 'completed', output: 'early', fence: 1 });
  expect(await kindsOf(pool, id)).toBe('model output');
});

test('no tool is called before the claim is on disk', async () => {
  const { pool } = database;
  const script = [calling({ name: 'note' }), { content: 'done' }];
  const agent = await makeAgent(pool, { script, tools: ['note'] });
  await worker.stop(0);
  const id = await insertRun(pool, agent);
  const before = await makeWorker(pool);
  await claim(pool, before, [id]);
  const tool_calls = [{ id: 'call', name: 'note', arguments: '{}' }];
  const messages = [{ role: 'assistant', content: null, tool_calls }];
  await commit(pool, before, [{ id, fence: 1, after: 0, steps: [{ kind: 'model', messages }] }]);
  await pool.query('select howdah_private.release_executions($1, null, false)', [before]);
  const flush = holdFlush();
  worker = await start();
  const { chunk, passage } = await flush.held;
  await heartbeats();
  expect(notes).toBe(0);
  passage.server.write(chunk);
  expect(await ended(pool, id)).toMatchObject({ status: 'completed', output: 'done', fence: 3 });
  expect(await kindsOf(pool, id)).toBe('model tool model output');
  expect(notes).toBe(1);
});

test('no engine is called before the claim is on disk', async () => {
  const { pool } = database;
  const { rows } = await pool.query(
    `insert into howdah.agents (name, engine, engine_configuration)
     values ('counted', 'custom', '{"function": "counted"}') returning id`,
  );
  const flush = holdFlush();
  const id = await insertRun(pool, rows[0].id);
  const { chunk, passage } = await flush.held;
  await heartbeats();
  expect(engineCalls).toBe(0);
  passage.server.write(chunk);
  expect(await ended(pool, id)).toMatchObject({ status: 'completed', output: 'done', fence: 1 });
  expect(engineCalls).toBe(1);
});

test.each([
  ['comes again', true],
  ['is lost', false],
])(
  'an undone claim commits nothing, and the run continues (its wake-up %s)',
  async (...[, isWoken]) => {
    const { pool } = database;
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    let isAsked = false;
    const [first, second] = [1, 2].map(() => Promise.withResolvers<FakeRequest>());
    answer = async (request) => {
      if (!isAsked) {
        isAsked = true;
        first?.resolve(request);
        await second?.promise;
        return 'first';
      }
      second?.resolve(request);
      await (await first?.promise)?.left;
      await heartbeats();
      return 'second';
    };
    const flush = holdFlush();
    const id = await insertRun(pool, agent);
    const { passage } = await flush.held;
    await first?.promise;
    await using _repair = await stopRepair();
    await undoClaim(id);
    if (isWoken) await pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
    cut(passage);
    expect(await ended(pool, id)).toMatchObject({
      status: 'completed',
      output: 'second',
      fence: 1,
    });
    expect(await kindsOf(pool, id)).toBe('model output');
  },
);

test('a claim whose flush was not answered, and which no crash has undone, is handed back', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
  answer = async () => 'heard';
  const flush = holdFlush();
  const id = await insertRun(pool, agent);
  const { passage } = await flush.held;
  cut(passage);
  expect(await ended(pool, id)).toMatchObject({ status: 'completed', output: 'heard', fence: 3 });
  expect(await kindsOf(pool, id)).toBe('model output');
});

test('a release that is repeated leaves a run alone that was claimed again', async () => {
  const { pool } = database;
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
  const [first, again, go] = [1, 2, 3].map(() => Promise.withResolvers<void>());
  let asked = 0;
  answer = async () => {
    asked += 1;
    if (asked === 1) {
      first?.resolve();
      return 'first';
    }
    again?.resolve();
    await go?.promise;
    return 'second';
  };
  const flush = holdFlush();
  const holdFirstFlush = proxy.toServer;
  const releases: Passage[] = [];
  proxy.toServer = (chunk, passage) => {
    if (chunk.includes('release_executions')) releases.push(passage);
    return holdFirstFlush(chunk, passage);
  };
  proxy.toClient = (_chunk, passage) => (passage === releases[0] ? 'drop' : 'pass');
  const id = await insertRun(pool, agent);
  const { passage } = await flush.held;
  await first?.promise;
  cut(passage);
  await again?.promise;
  cut(releases[0]);
  await heartbeats();
  go?.resolve();
  expect(await ended(pool, id)).toMatchObject({ status: 'completed', output: 'second', fence: 3 });
  expect(await kindsOf(pool, id)).toBe('model output');
  expect(releases).toHaveLength(1);
});

/** Keeps the repair of the queue from waking runs, which it does every 15 seconds. */
async function stopRepair(): Promise<AsyncDisposable> {
  const client = await database.pool.connect();
  await client.query('begin');
  await client.query('select from howdah_private.queue_sweep for update');
  return {
    async [Symbol.asyncDispose]() {
      await client.query('rollback');
      client.release();
    },
  };
}

/** Breaks a connection for both sides. */
function cut(passage: Passage | undefined): void {
  passage?.client.resetAndDestroy();
  passage?.server.destroy();
}

/** Leaves the run as a crash does that loses the transaction of its claim. */
async function undoClaim(id: string): Promise<void> {
  await database.pool.query(
    `update howdah.executions as e
     set status = 'queued', owner_worker = null, fence = e.fence - 1, active_since = null,
       started_at = null
     where e.id = $1`,
    [id],
  );
}
