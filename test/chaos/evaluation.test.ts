import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { createGate } from '../support/gate.ts';

// An evaluation whose worker is killed: each item is run and graded once, and no effect is
// repeated.

const ITEMS = process.env.HOWDAH_TESTS === 'nightly' ? 1_000 : 30;
const MAIN = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

const database = testDatabase();
let server: FakeServer;
const gate = createGate();
const judgeGate = createGate();
const workers = new Set<ChildProcess>();

beforeAll(async () => {
  server = await startOpenAiServer(async ({ body, left }) => {
    const messages = body.messages as { role: string; content: string }[];
    if (messages.some(({ content }) => content?.includes('Grade an answer by a rubric.'))) {
      await judgeGate.pass(left);
      return { content: '{"score": 1, "reason": "Right."}' };
    }
    await gate.pass(left);
    const item = Number(messages.find(({ role }) => role === 'user')?.content);
    return messages.some(({ role }) => role === 'assistant')
      ? { content: item % 3 === 0 ? 'no' : 'yes' }
      : { tool_calls: [{ name: 'refund', arguments: { item } }] };
  });
  await database.pool.query(`
    create schema shop;
    create table shop.refunds (id bigint generated always as identity primary key, item int not null);
    create function shop.refund(item int) returns bigint language sql as
      'insert into shop.refunds (item) values (item) returning id';
    comment on function shop.refund(int) is 'Refunds an item.';
    grant usage on schema shop to howdah_app;
    grant select, insert on shop.refunds to howdah_app;
    select howdah.register_sql_tool('shop.refund(int)');
    insert into howdah.agents (name, instruction) values ('refunder', 'Refund.');
    insert into howdah.agent_tools (agent_id, tool_id)
      select howdah.agent('refunder'), id from howdah.tools where name = 'refund';
    insert into howdah.datasets (name) values ('refunds');
    insert into howdah.graders (dataset_id, name, kind, configuration)
    select d.id, g.name, g.kind::howdah.grader_kind, g.configuration::jsonb
    from howdah.datasets as d cross join (values
      ('answer', 'exact', '{"expected_key": "answer"}'),
      ('calls', 'trajectory', '{"expected_key": "calls", "match": "exact"}'),
      ('effect', 'sql', '{"query": "select from shop.refunds where item = ($1 ->> ''input'')::int having count(*) = 1"}')
    ) as g (name, kind, configuration)`);
  await database.pool.query(
    `insert into howdah.dataset_items (dataset_id, input, expected)
     select d.id, n::text, jsonb_build_object('answer', 'yes', 'calls', jsonb_build_array('refund'))
     from howdah.datasets as d cross join generate_series(1, $1) as n`,
    [ITEMS],
  );
});

afterAll(async () => {
  for (const worker of workers) worker.kill('SIGKILL');
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
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  workers.add(worker);
  let output = '';
  await new Promise<void>((resolve, reject) => {
    worker.stderr?.on('data', (chunk) => {
      output += chunk;
      if (output.includes('is ready')) resolve();
    });
    worker.once('exit', () => reject(new Error(`the worker ended: ${output}`)));
  });
  return worker;
}

async function kill(worker: ChildProcess): Promise<void> {
  workers.delete(worker);
  worker.kill('SIGKILL');
  await once(worker, 'exit');
}

test(`an evaluation of ${ITEMS} items survives a killed worker: each is run and graded once`, async () => {
  const { pool } = database;
  const worker = await startWorker();
  const { rows: started } = await pool.query(
    `select id from howdah.evaluate('refunds', 'refunder')`,
  );
  gate.allow(Math.ceil(ITEMS * 0.8));
  await eventually(
    pool,
    'refunds',
    'select 1 from shop.refunds having count(*) >= $1',
    [Math.floor(ITEMS * 0.3)],
    120_000,
  );
  await kill(worker); // once: a run that three workers died with fails
  await startWorker();
  gate.allow(Number.POSITIVE_INFINITY);
  const evaluation = await eventually<{ totals: object; completed_at: Date }>(
    pool,
    'the evaluation is complete',
    `select totals, completed_at from howdah.evaluations where id = $1 and status = 'completed'`,
    [started[0].id],
    300_000,
  );
  const { rows: wrong } = await pool.query(
    `select r.scores, r.error from howdah.evaluation_results as r
     where r.error is not null or (r.scores #>> '{effect,score}')::float8 <> 1
       or (r.scores #>> '{calls,score}')::float8 <> 1`,
  );
  expect(wrong).toEqual([]);
  const failed = Math.floor(ITEMS / 3);
  expect(evaluation.totals).toMatchObject({
    ...{ runs: ITEMS, graded: ITEMS, failed, passed: ITEMS - failed, cancelled: 0 },
  });
  const { rows } = await pool.query(
    `select count(*)::int as refunds, count(distinct item)::int as items from shop.refunds`,
  );
  expect(rows).toEqual([{ refunds: ITEMS, items: ITEMS }]);
  expect((await pool.query('select from howdah_private.due_grades')).rows).toEqual([]);
  expect((await pool.query('select * from howdah.check_all()')).rows).toEqual([]);
});

test('judges survive a killed worker: each answer is judged once', async () => {
  const { pool } = database;
  const items = 12;
  await pool.query(`
    insert into howdah.agents (name, instruction) values ('judge', 'Grade.');
    insert into howdah.datasets (name) values ('judged');
    insert into howdah.graders (dataset_id, name, kind, configuration)
    select d.id, 'right', 'rubric', '{"agent": "judge", "rubric": "It is right."}'
    from howdah.datasets as d where d.name = 'judged'`);
  await pool.query(
    `insert into howdah.dataset_items (dataset_id, input)
     select d.id, n::text from howdah.datasets as d cross join generate_series(1, $1) as n
     where d.name = 'judged'`,
    [items],
  );
  const { rows: started } = await pool.query(
    `select id from howdah.evaluate('judged', 'refunder')`,
  );
  judgeGate.allow(4);
  const judges = `from howdah.executions as e where e.metadata ? 'judged_execution_id'`;
  await eventually(
    pool,
    'some judges have ended, and others work',
    `select 1 ${judges} having count(*) filter (where e.status = 'completed') >= 3
       and count(*) filter (where e.status = 'running') >= 1`,
    [],
    120_000,
  );
  for (const worker of [...workers]) await kill(worker);
  await startWorker();
  judgeGate.allow(Number.POSITIVE_INFINITY);
  const evaluation = await eventually<{ totals: object }>(
    pool,
    'the evaluation is complete',
    `select totals from howdah.evaluations where id = $1 and status = 'completed'`,
    [started[0].id],
    300_000,
  );
  expect(evaluation.totals).toMatchObject({ runs: items, passed: items, not_graded: 0 });
  const { rows } = await pool.query(
    `select count(*)::int as runs, count(distinct e.metadata ->> 'judged_execution_id')::int as judged
     ${judges}`,
  );
  expect(rows).toEqual([{ runs: items, judged: items }]);
  expect((await pool.query('select from howdah_private.due_grades')).rows).toEqual([]);
  expect((await pool.query('select * from howdah.check_all()')).rows).toEqual([]);
});
