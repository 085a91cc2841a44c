import { describe, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import {
  insertRun,
  makeAgent,
  runToEnd,
  waitForEnd,
  waitForStatus,
} from '../../runtime/arrange.ts';
import { makeTeam, startTeam } from '../../runtime/teams.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { all, one } from '../support.ts';

// The servers of distributions compile a statement of high cost to machine code (JIT), which takes
// 100 ms. `enable_seqscan = off` and its like add 10 billion to a cost. `npm run test:pg --
// --server` runs this on such a server, with pg_stat_statements, which counts compiled functions.

const db = testDatabase();

/** Returns why the server cannot tell what it compiled; undefined if it can. */
async function whyNot(): Promise<string | undefined> {
  const { jit, loaded } = await one(
    db.pool,
    `select pg_jit_available() as jit,
       current_setting('shared_preload_libraries') like '%pg_stat_statements%' as loaded`,
  );
  if (!jit) return 'this server has no JIT';
  return loaded ? undefined : 'this server does not load pg_stat_statements';
}

describe('on a server with JIT', () => {
  test('no statement of a run is compiled', async ({ skip }) => {
    const reason = await whyNot();
    skip(reason !== undefined, reason);
    await db.pool.query('create extension pg_stat_statements');
    const worker = await startTestWorker(db.url);
    try {
      await runEverything(worker);
    } finally {
      await worker.stop(0);
    }
    const compiled = await all(
      db.pool,
      `select left(s.query, 200) as query, s.calls, s.jit_functions
       from pg_stat_statements as s join pg_database as d on d.oid = s.dbid
       where d.datname = current_database() and s.jit_functions > 0 order by s.jit_functions desc`,
    );
    expect(compiled).toEqual([]);
    const { nested } = await one(
      db.pool,
      `select count(*)::int as nested from pg_stat_statements as s
       join pg_database as d on d.oid = s.dbid
       where d.datname = current_database() and not s.toplevel`,
    );
    expect(nested).toBeGreaterThan(100);
  });
});

/** Inserts, claims, commits, cancels, retries, asks, answers, delegates and watches. */
async function runEverything(_: Worker): Promise<void> {
  const { pool } = db;
  const call = { tool_calls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }] };
  const ask = { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which?' } }] };
  const plain = await makeAgent(pool, { script: [call, { content: '42' }], tools: ['calculator'] });
  const asking = await makeAgent(pool, { script: [ask, { content: 'ok' }], tools: ['ask_user'] });
  await pool.query(
    `insert into howdah.limits (scope, metric, period, max_value) values
       ('tenant', 'tokens', 'day', 1000000), ('tenant', 'running_runs', null, 50)`,
  );
  const { id: session_id } = await one(
    pool,
    'insert into howdah.sessions (agent_id) values ($1) returning id',
    [plain],
  );
  for (let turn = 0; turn < 2; turn += 1) await runToEnd(pool, plain, 'x', { session_id });
  const team = await makeTeam(pool, {
    type: 'parallel',
    members: [
      { agent: plain, role: 'a' },
      { agent: plain, role: 'b' },
    ],
  });
  await waitForEnd(pool, await startTeam(pool, team));
  const waiting = await insertRun(pool, asking);
  await waitForStatus(pool, waiting, 'waiting');
  const { id } = await one(pool, 'select id from howdah.questions where execution_id = $1', [
    waiting,
  ]);
  await pool.query('select howdah.answer_question($1, $2)', [id, 'this']);
  await waitForEnd(pool, waiting);
  const cancelled = await insertRun(pool, asking);
  await waitForStatus(pool, cancelled, 'waiting');
  await pool.query('select howdah.cancel_execution($1)', [cancelled]);
  await pool.query('select howdah.retry_execution($1)', [cancelled]);
  await pool.query('select howdah.cancel_execution($1)', [cancelled]);
  await watchTable(plain);
}

/** Watches a table, inserts a row and waits for its answer. */
async function watchTable(agent: string): Promise<void> {
  const { pool } = db;
  await pool.query(
    `create table public.orders (id bigint primary key, body text, reply text);
     select howdah.watch_table('public.orders', (select name from howdah.agents where id = '${agent}'),
       'body', into_column => 'reply');
     insert into public.orders values (1, 'x')`,
  );
  await expect
    .poll(async () => (await one(pool, 'select reply from public.orders')).reply, {
      timeout: 30_000,
    })
    .toBe('42');
}
