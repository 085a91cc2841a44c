import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { createGate } from '../support/gate.ts';

const RUNS = 200;
const CALLS_PER_RUN = 4;
const STEPS_PER_RUN = 2 * CALLS_PER_RUN + 2; // answer and call in turn, the last answer, the output
const KILLS = 5;
const ANSWERS_PER_KILL = 120;
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const database = testDatabase();
let server: FakeServer;
const gate = createGate();
const workers = new Map<number, ChildProcess>();

beforeAll(async () => {
  server = await startOpenAiServer(async ({ body, left }) => {
    await gate.pass(left);
    const messages = body.messages as { role: string }[];
    const answers = messages.filter(({ role }) => role === 'assistant').length;
    return answers < CALLS_PER_RUN
      ? { tool_calls: [{ name: 'bump', arguments: { amount: 1 } }] }
      : { content: `bumped ${answers} times` };
  });
  await database.pool.query(`
    create schema shop;
    create table shop.counter (n int not null);
    insert into shop.counter values (0);
    create function shop.bump(amount int) returns int language sql as
      'update shop.counter set n = n + amount returning n';
    comment on function shop.bump(int) is 'Counts.';
    grant select, update on shop.counter to howdah_app;
    select howdah.register_sql_tool('shop.bump(int)');
    insert into howdah.agents (name, instruction) values ('counter', 'Count.');
    insert into howdah.agent_tools (agent_id, tool_id)
      select howdah.agent('counter'), id from howdah.tools where name = 'bump'`);
});

afterAll(async () => {
  for (const worker of workers.values()) {
    worker.kill('SIGKILL');
  }
  await server.close();
});

/** Starts a worker by the command line. Resolves when it prints that it is ready. */
async function startWorker(): Promise<ChildProcess> {
  const worker = spawn(process.execPath, [MAIN, 'worker'], {
    env: {
      ...process.env,
      DATABASE_URL: database.url,
      OPENAI_BASE_URL: server.url,
      OPENAI_API_KEY: 'test',
      HOWDAH_LOG_LEVEL: 'error',
      HOWDAH_WORKER_CONCURRENCY: '250',
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  workers.set(worker.pid ?? 0, worker);
  let output = '';
  await new Promise<void>((resolve, reject) => {
    worker.stderr?.on('data', (chunk) => {
      output += chunk;
      if (output.includes('is ready')) {
        resolve();
      }
    });
    worker.once('exit', () => reject(new Error(`the worker ended: ${output}`)));
  });
  return worker;
}

async function kill(pid: number): Promise<void> {
  const worker = workers.get(pid);
  if (!worker) {
    throw new Error(`no worker of this test has the pid ${pid}`);
  }
  workers.delete(pid);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
}

test(`${RUNS} runs of ${STEPS_PER_RUN} steps survive ${KILLS} killed workers: nothing is lost or repeated`, async () => {
  const { pool } = database;
  await startWorker();
  await startWorker();
  await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('counter'), 'run ' || i from generate_series(1, $1) as i`,
    [RUNS],
  );
  const recoveries: number[] = [];
  for (let kills = 1; kills <= KILLS; kills += 1) {
    gate.allow(ANSWERS_PER_KILL);
    await eventually(
      pool,
      `${kills * ANSWERS_PER_KILL} answers`,
      'select 1 from howdah.execution_counters having sum(model_count) >= $1 * 0.8',
      [kills * ANSWERS_PER_KILL],
      60_000,
    );
    recoveries.push(await killAndMeasure());
    await startWorker();
  }
  gate.allow(Number.POSITIVE_INFINITY);
  console.log(`kill -9 → resumed elsewhere, ms: ${recoveries.map(Math.round).join(' ')}`);
  await eventually(
    pool,
    'all runs have ended',
    'select 1 from howdah.executions having count(*) filter (where completed_at is null) = 0',
    [],
    600_000, // a run that two workers died with waits for a process of its own
  );

  const { rows } = await pool.query(
    `select status, step_count, count(*)::int as runs from howdah.executions group by 1, 2`,
  );
  expect(rows).toEqual([{ status: 'completed', step_count: STEPS_PER_RUN, runs: RUNS }]);
  const counter = await pool.query('select n from shop.counter');
  expect(counter.rows[0].n).toBe(RUNS * CALLS_PER_RUN);
  const log = await pool.query(
    `select execution_id from howdah.steps group by 1
     having count(*) <> max(seq) or min(seq) <> 1 or count(*) <> $1`,
    [STEPS_PER_RUN],
  );
  expect(log.rows).toEqual([]);
  expect((await pool.query('select * from howdah.check_all()')).rows).toEqual([]);
}, 900_000);

/**
 * Kills a worker that owns runs; returns the milliseconds until the first of them continues
 * elsewhere.
 */
async function killAndMeasure(): Promise<number> {
  const { pool } = database;
  const victim = await eventually<{ worker: string; pid: number }>(
    pool,
    'a worker owns runs',
    `select w.id as worker, w.pid from howdah.executions as e
     join howdah_private.workers as w on w.id = e.owner_worker
     group by w.id, w.pid order by count(*) desc limit 1`,
  );
  // Read before the kill, because another worker may claim the runs immediately after it.
  const { rows: orphans } = await pool.query(
    'select id, fence from howdah.executions where owner_worker = $1',
    [victim.worker],
  );
  await kill(victim.pid);
  const killedAt = performance.now();
  await eventually(
    pool,
    'a run of the dead worker was resumed',
    `select 1 from jsonb_to_recordset($1) as o (id uuid, fence int)
     join howdah.executions as e on e.id = o.id and e.fence > o.fence + 1 limit 1`,
    [JSON.stringify(orphans)],
  );
  return performance.now() - killedAt;
}
