import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeRequest,
  type FakeServer,
  startOpenAiServer,
} from '../../chaos/load/openai-server.ts';
import type { Worker } from '../../workers/start-worker.ts';
import {
  createLatch,
  executionOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  waitForEnd,
  waitForStatus,
} from '../runtime/arrange.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { killWorkerProcesses, startWorkerProcess } from './worker-process.ts';

const database = testDatabase();
let server: FakeServer;
const workers: Worker[] = [];
let answerTo: (request: FakeRequest) => FakeAnswer | Promise<FakeAnswer>;
const done: FakeAnswer = { content: 'done' };

beforeEach(async () => {
  answerTo = () => done;
  server = await startOpenAiServer((request) => answerTo(request));
});
afterEach(async () => {
  await Promise.all(workers.splice(0).map((worker) => worker.stop(0)));
  expect(await findViolations(database.pool)).toEqual([]);
  await database.pool.query('delete from howdah.limits');
  await server.close();
});
afterAll(async () => {
  killWorkerProcesses();
});

async function startHere(concurrency = 20, wakeUpSlots = 3): Promise<Worker> {
  const options = { openai: server.url, concurrency, wakeUpSlots };
  const worker = await startTestWorker(database.url, options);
  workers.push(worker);
  return worker;
}

const makeAgentOfServer = () => makeAgent(database.pool, { models: [{ provider: 'openai' }] });
const insert = (agent: string, count: number, input?: string) =>
  Promise.all(Array.from({ length: count }, () => insertRun(database.pool, agent, input)));

describe('two workers on one database', () => {
  test('share load: one takes the runs the other has no room for, despite its wake-ups', async () => {
    const { pool } = database;
    answerTo = () => ({ stall: 'before_headers' });
    await startHere(2, 8);
    const agent = await makeAgentOfServer();
    await insert(agent, 2);
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(2);
    const waiting = await insert(agent, 8);
    await eventually(
      pool,
      'its wake-ups wait in the worker that has no room',
      `select from graphile_worker._private_jobs where key = any ($1) and locked_at is not null having count(*) = 8`,
      [waiting],
    );
    await startHere(20);
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(10);
    const { rows } = await pool.query(
      `select count(*)::int as runs from howdah.executions where status = 'running' and agent_id = $1
       group by owner_worker order by 1`,
      [agent],
    );
    expect(rows).toEqual([{ runs: 2 }, { runs: 8 }]);
    await pool.query(
      `select howdah.cancel_execution(id) from howdah.executions where agent_id = $1`,
      [agent],
    );
  });

  test('a worker with free slots starts runs whose wake-ups a full worker still holds', async () => {
    const { pool } = database;
    answerTo = ({ body }) =>
      JSON.stringify(body.messages).includes('long') ? { stall: 'before_headers' } : done;
    const agent = await makeAgentOfServer();
    const room = { concurrency: 1, wakeUpSlots: 8 };
    const full = await startWorkerProcess(database.url, { openai: server.url, ...room });
    await insert(agent, 1, 'long');
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(1);
    await startHere(1, 8);
    const [here] = await insert(agent, 1, 'long');
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(2);
    // eight wake-ups each: both have taken the maximum
    const ids = await insert(agent, 16);
    await eventually(
      pool,
      'all wake-ups wait for room',
      `select from graphile_worker._private_jobs
       where key like any ($1) and locked_at is not null having count(*) = 16`,
      [ids.map((id) => `${id}%`)],
    );
    const wakeUpsOfFull = async () => {
      const { rows } = await pool.query(
        `select j.key from graphile_worker._private_jobs as j
         join howdah_private.workers as w on w.pool_id = j.locked_by where w.pid = $1`,
        [full.pid],
      );
      return rows.length;
    };
    await expect
      .poll(
        async () => {
          full.signal('SIGCONT');
          full.signal('SIGSTOP'); // from now on the worker can return no wake-up
          return wakeUpsOfFull();
        },
        { timeout: 60_000 },
      )
      .toBeGreaterThan(3); // statements in progress at the server may return a few
    await pool.query('select howdah.cancel_execution($1)', [here]);
    for (const id of ids) expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect(await wakeUpsOfFull()).toBeGreaterThan(0);
    full.signal('SIGKILL');
    await pool.query(
      `select howdah.cancel_execution(id) from howdah.executions where completed_at is null`,
    );
  });

  test('a draining or starting worker is invisible: every run ends once, none counts a crash', async () => {
    const { pool } = database;
    const isHandedOver = Promise.withResolvers<void>();
    answerTo = async ({ body, left, index }) => {
      if (index >= 30) await Promise.race([isHandedOver.promise, left]);
      const answers = (body.messages as { role: string }[]).filter((m) => m.role === 'assistant');
      return answers.length < 3
        ? { tool_calls: [{ name: `look_${answers.length}`, arguments: {} }] }
        : done;
    };
    const first = await startHere(10, 8); // this number of concurrent wake-ups is a backlog
    await startHere(10, 8);
    const ids = await insert(await makeAgentOfServer(), 60);
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBeGreaterThan(40);
    workers.splice(workers.indexOf(first), 1);
    await first.stop(0);
    await startHere(10, 8);
    isHandedOver.resolve();
    const runs = await Promise.all(ids.map((id) => waitForEnd(pool, id)));
    expect(new Set(runs.map((run) => `${run.status} ${run.crashes_without_progress}`))).toEqual(
      new Set(['completed 0']),
    );
    expect(new Set(await Promise.all(ids.map((id) => kindsOf(pool, id))))).toEqual(
      new Set(['model tool model tool model tool model output']),
    );
  });
});

describe('a debounced run', () => {
  test('is started by one of two workers during inserts, and the last input is never lost', async () => {
    const { pool } = database;
    await Promise.all([startHere(), startHere()]);
    const agent = await makeAgentOfServer();
    const ids = new Set<string>();
    const last = await Promise.all(
      ['a', 'b', 'c', 'd'].map(async (key) => {
        let newest = '';
        for (let n = 0; n < 100; n += 1) {
          newest = `${key} ${n}`;
          const { rows } = await pool.query(
            `insert into howdah.executions (agent_id, input, debounce_key, debounce_ms)
             values ($1, $2, $3, $4) returning id`,
            [agent, newest, key, 1 + (n % 10)],
          );
          ids.add(rows[0].id);
        }
        return newest;
      }),
    );
    const runs = await Promise.all([...ids].map((id) => waitForEnd(pool, id)));
    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['completed']));
    const { rows } = await pool.query(
      `select count(*)::int as runs, array_agg(distinct m.content) as inputs
       from howdah.executions as e join howdah.messages as m on m.execution_id = e.id and m.seq = 1
       where e.agent_id = $1 and m.content = e.input`,
      [agent],
    );
    expect(rows[0].runs).toBe(ids.size);
    expect(rows[0].inputs).toEqual(expect.arrayContaining(last));
  });
});

describe('a limit', () => {
  /**
   * Counts the requests of each kind in progress, and their maximum. None is answered before the
   * gate opens.
   */
  const countConcurrent = (opened: Promise<void>) => {
    const now = new Map<string, number>();
    const most = new Map<string, number>();
    answerTo = async ({ body, left }) => {
      const input = (body.messages as { role: string; content: string }[]).find(
        ({ role }) => role === 'user',
      );
      const keys = [...(input?.content ?? '').split(' '), 'all'];
      for (const key of keys) {
        now.set(key, (now.get(key) ?? 0) + 1);
        most.set(key, Math.max(most.get(key) ?? 0, now.get(key) ?? 0));
      }
      await Promise.race([opened, left]);
      for (const key of keys) now.set(key, (now.get(key) ?? 0) - 1);
      return done;
    };
    return most;
  };

  test('of a tenant, an agent and a model is never exceeded by two workers, and all runs end', async () => {
    const { pool } = database;
    const { opened, open } = createLatch();
    const most = countConcurrent(opened);
    await Promise.all([startHere(), startHere()]);
    const [limited, shared, free] = [
      await makeAgentOfServer(),
      await makeAgentOfServer(),
      await makeAgentOfServer(),
    ];
    await pool.query(
      `insert into howdah.limits (scope, subject_id, metric, max_value) values ('agent', $1, 'running_runs', 3)`,
      [limited],
    );
    await pool.query(
      `insert into howdah.limits (scope, subject_id, metric, max_value)
       select 'model', model_id, 'running_runs', 2 from howdah.agent_models where agent_id = $1`,
      [shared],
    );
    await pool.query(`insert into howdah.limits (metric, max_value) values ('running_runs', 6)`);
    const ids = (
      await Promise.all([
        insert(limited, 25, 'agent'),
        insert(shared, 25, 'model'),
        insert(free, 25, 'free'),
      ])
    ).flat();
    await expect.poll(() => most.get('all'), { timeout: 60_000 }).toBe(6);
    open();
    const runs = await Promise.all(ids.map((id) => waitForEnd(pool, id)));
    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['completed']));
    expect(most.get('all')).toBe(6);
    expect(most.get('agent')).toBeLessThanOrEqual(3);
    expect(most.get('model')).toBeLessThanOrEqual(2);
    expect((await pool.query('select from howdah_private.parked_runs')).rowCount).toBe(0);
  });

  test('of each concurrency key is never exceeded by two workers, and all runs end', async () => {
    const { pool } = database;
    const { opened, open } = createLatch();
    const most = countConcurrent(opened);
    await Promise.all([startHere(), startHere()]);
    const agents = [await makeAgentOfServer(), await makeAgentOfServer()];
    await pool.query(
      `insert into howdah.limits (scope, key, metric, max_value)
       values ('key', null, 'running_runs', 1), ('key', 'big', 'running_runs', 3)`,
    );
    const { rows } = await pool.query(
      `insert into howdah.executions (agent_id, input, concurrency_key)
       select a.id, k.key, nullif(k.key, 'free')
       from unnest($1::uuid[]) as a (id), unnest('{one,two,big,free}'::text[]) as k (key),
         generate_series(1, 8) returning id`,
      [agents],
    );
    await expect.poll(() => most.get('all'), { timeout: 60_000 }).toBe(16 + 1 + 1 + 3);
    open();
    const runs = await Promise.all(rows.map(({ id }) => waitForEnd(pool, id)));
    expect(new Set(runs.map(({ status }) => status))).toEqual(new Set(['completed']));
    expect([most.get('one'), most.get('two'), most.get('big')]).toEqual([1, 1, 3]);
    expect((await pool.query('select from howdah_private.parked_runs')).rowCount).toBe(0);
  });

  test('frees its slots when the worker that used them is killed', async () => {
    const { pool } = database;
    answerTo = ({ index }) => (index < 2 ? { stall: 'before_headers' } : done);
    const victim = await startWorkerProcess(database.url, { openai: server.url });
    const agent = await makeAgentOfServer();
    await pool.query(
      `insert into howdah.limits (scope, subject_id, metric, max_value) values ('agent', $1, 'running_runs', 2)`,
      [agent],
    );
    const held = await insert(agent, 2);
    await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(2);
    const [parked] = await insert(agent, 1);
    expect(await waitForStatus(pool, parked as string, 'waiting')).toMatchObject({
      waiting_for: 'quota',
    });
    await startHere();
    victim.signal('SIGKILL');
    for (const id of [...held, parked as string]) {
      expect((await waitForEnd(pool, id)).status).toBe('completed');
    }
  });

  test('that is raised, and then deleted, resumes waiting runs', async () => {
    const { pool } = database;
    answerTo = () => ({ stall: 'before_headers' });
    await startHere();
    const agent = await makeAgentOfServer();
    await pool.query(
      `insert into howdah.limits (scope, subject_id, metric, max_value) values ('agent', $1, 'running_runs', 1)`,
      [agent],
    );
    const ids = await insert(agent, 6);
    const areRunning = (count: number) =>
      eventually(
        pool,
        `${count} run`,
        `select from howdah.executions where id = any ($1)
         having count(*) filter (where status = 'running') = $2
           and count(*) filter (where waiting_for = 'quota') = 6 - $2`,
        [ids, count],
      );
    await areRunning(1);
    await pool.query('update howdah.limits set max_value = 3');
    await areRunning(3);
    const { rows } = await pool.query(
      `select id from howdah.executions where id = any ($1) and status = 'running' limit 1`,
      [ids],
    );
    await pool.query('select howdah.cancel_execution($1)', [rows[0].id]);
    await eventually(
      pool,
      'the room of the cancelled one is used',
      `select from howdah.executions where id = any ($1) and status = 'running' having count(*) = 3`,
      [ids],
    );
    await pool.query('delete from howdah.limits');
    await eventually(
      pool,
      'all run',
      `select from howdah.executions where id = any ($1) and status = 'running' having count(*) = 5`,
      [ids],
    );
    await pool.query(
      'select howdah.cancel_execution(id) from unnest($1::uuid[]) as id where id <> $2',
      [ids, rows[0].id],
    );
  });
});

test('a frozen worker whose run was taken over stops its work on its own when it thaws', async () => {
  const { pool } = database;
  let isLeft = false;
  answerTo = async ({ index, left }) => {
    if (index > 0) return done;
    await left;
    isLeft = true;
    return done;
  };
  const frozen = await startWorkerProcess(database.url, { openai: server.url });
  const id = await insertRun(pool, await makeAgentOfServer());
  await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(1);
  const { owner_worker: old } = await executionOf(pool, id);
  frozen.signal('SIGSTOP');
  await pool.query(
    `update howdah_private.workers set heartbeat_at = now() - interval '1 minute' where id = $1`,
    [old],
  );
  await startHere();
  expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed' });
  expect(isLeft).toBe(false);
  frozen.signal('SIGCONT');
  // the worker has disconnected; the model was not told to answer
  await expect.poll(() => isLeft, { timeout: 60_000 }).toBe(true);
  expect(await kindsOf(pool, id)).toBe('model output');
  frozen.signal('SIGTERM');
  expect(await frozen.ended).toEqual({ code: 0, signal: null });
});
