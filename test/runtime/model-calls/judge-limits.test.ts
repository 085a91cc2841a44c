import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { all, committed, makeUser, one, takeRole } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { findViolations, makeAgent } from '../arrange.ts';

// Limits that stop judges: those that wait call no model, and none is called twice when the limit
// is raised.

const database = testDatabase();
const ITEMS = 4;
const usage = { prompt_tokens: 90, completion_tokens: 10, total_tokens: 100 };
let worker: Worker;
let server: FakeServer;
/** The people that evaluate, and what they evaluate. */
let user: string;
let support: string;
let judge: string;
let dataset: string;
let model: string;

beforeAll(async () => {
  // one run at a time, so that the first judge uses up a limit before the second begins
  worker = await startTestWorker(database.url, { concurrency: 1 });
  server = await startOpenAiServer(() => ({ content: '{"score": 1, "reason": "Fine."}', usage }));
});
afterAll(async () => {
  await worker.stop(1_000);
  await server.close();
});
beforeEach(async () => {
  const { pool } = database;
  server.requests.length = 0;
  dataset = `set-${randomUUID()}`;
  user = (await makeUser(pool, { role: 'admin' })).id;
  support = await makeAgent(pool, { script: [{ content: 'No, sorry.' }] });
  judge = await makeAgent(pool, {
    models: [
      { provider: 'openai', base_url: server.url, input_price: 10_000, output_price: 10_000 },
    ],
  });
  ({ model_id: model } = await one(
    pool,
    'select model_id from howdah.agent_models where agent_id = $1',
    [judge],
  ));
  await pool.query(
    `with made as (insert into howdah.datasets (name) values ($1) returning id),
       items as (
         insert into howdah.dataset_items (dataset_id, input)
         select id, 'question ' || n from made cross join generate_series(1, ${ITEMS}) as n)
     insert into howdah.graders (dataset_id, name, kind, configuration)
     select made.id, '${dataset}', 'rubric', jsonb_build_object('agent', a.name, 'rubric', 'Be polite.')
     from made cross join howdah.agents as a where a.id = $2`,
    [dataset, judge],
  );
});

/** Evaluates as the user, and returns the evaluation when only its judges are left to run. */
async function evaluate(limit: () => Promise<unknown>): Promise<string> {
  const { pool } = database;
  await pool.query(`select howdah.pause_batch_job('grade_run')`);
  const { tenant } = await one(pool, 'select howdah.current_tenant() as tenant');
  const { id } = await committed(pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, 'howdah.user_id': user });
    return one(
      client,
      `select e.id from howdah.agents as a
       cross join lateral howdah.evaluate($1, a.name) as e where a.id = $2`,
      [dataset, support],
    );
  });
  await eventually(
    pool,
    'all items are answered',
    `select from howdah.executions as e where e.agent_id = $1 and e.status = 'completed'
     having count(*) = ${ITEMS}`,
    [support],
  );
  await limit();
  await pool.query(`select howdah.resume_batch_job('grade_run')`);
  return id as string;
}

const judges = (condition: string) => `select from howdah.executions as e
  where e.agent_id = $1 having count(*) filter (where ${condition}) = $2`;
const evaluationIs = (id: string, status: string) =>
  eventually(
    database.pool,
    `the evaluation is ${status}`,
    'select totals from howdah.evaluations where id = $1 and status = $2',
    [id, status],
  );
const totalsOf = async (id: string) =>
  (await one(database.pool, 'select totals from howdah.evaluations where id = $1', [id])).totals;
const raise = (max: number) =>
  database.pool.query('update howdah.limits set max_value = $1', [max]);

/** The requests of judges by their text, each of which is about one item. */
const asked = () =>
  server.requests.map(({ body }) => /question \d/.exec(JSON.stringify(body))?.[0]).toSorted();
const EACH_ONCE = Array.from({ length: ITEMS }, (_, n) => `question ${n + 1}`);

type Limit = {
  scope: string;
  metric: string;
  period: string;
  max: number;
  of: () => string | null;
};
/** Limits that the first judge reaches. The answers to judge use no tokens. */
const LIMITS: Record<string, Limit> = {
  'tokens of the judge': {
    scope: 'agent',
    metric: 'tokens',
    period: 'day',
    max: 100,
    of: () => judge,
  },
  'cost of the judge': { scope: 'agent', metric: 'cost', period: 'month', max: 1, of: () => judge },
  'tokens of who evaluates': {
    scope: 'user',
    metric: 'tokens',
    period: 'day',
    max: 50,
    of: () => user,
  },
  'tokens of the model per minute': {
    ...{ scope: 'model', metric: 'tokens', period: 'minute', max: 100, of: () => model },
  },
  'calls of the model per minute': {
    ...{ scope: 'model', metric: 'calls', period: 'minute', max: 1, of: () => model },
  },
};
const addLimit = ({ scope, metric, period, max, of }: Limit) =>
  database.pool.query(
    `insert into howdah.limits (scope, subject_id, metric, period, max_value)
     values ($1, $2, $3, $4, $5)`,
    [scope, of(), metric, period, max],
  );

describe('judges wait at a limit of', () => {
  test.each(Object.entries(LIMITS))('%s, and go on when it is raised', async (_, limit) => {
    const { pool } = database;
    const id = await evaluate(() => addLimit(limit));
    await eventually(
      pool,
      'all judges but one wait',
      judges(`e.status = 'waiting' and e.waiting_for = 'quota'`),
      [judge, ITEMS - 1],
    );
    expect(server.requests).toHaveLength(1);
    await eventually(pool, 'the judge that was asked has ended', judges(`e.status = 'completed'`), [
      judge,
      1,
    ]);
    expect(await totalsOf(id)).not.toMatchObject({ passed: ITEMS });
    expect(await one(pool, 'select status from howdah.evaluations where id = $1', [id])).toEqual({
      status: 'running',
    });
    await raise(1_000_000);
    await evaluationIs(id, 'completed');
    expect(await totalsOf(id)).toMatchObject({ passed: ITEMS, not_graded: 0, grading_cost: 4 });
    expect(asked()).toEqual(EACH_ONCE);
    await pool.query('delete from howdah.limits');
    expect(await findViolations(pool)).toEqual([]);
  });

  test('the tenant, with the cost of its other runs', async () => {
    const { pool } = database;
    const id = await evaluate(async () => {
      const { cost } = await one(
        pool,
        `select coalesce(sum(cost), 0)::float8 as cost from howdah.executions
         where tenant_id = howdah.current_tenant()`,
      );
      await addLimit({
        ...{ scope: 'tenant', metric: 'cost', period: 'month', max: Number(cost) + 0.5 },
        of: () => null,
      });
    });
    await eventually(
      pool,
      'all judges but one wait',
      judges(`e.status = 'waiting' and e.waiting_for = 'quota'`),
      [judge, ITEMS - 1],
    );
    expect(server.requests).toHaveLength(1);
    await raise(1_000_000);
    await evaluationIs(id, 'completed');
    expect(await totalsOf(id)).toMatchObject({ passed: ITEMS, not_graded: 0 });
    expect(asked()).toEqual(EACH_ONCE);
    await pool.query('delete from howdah.limits');
  });
});

test('a limit of runs refuses judges, and only those that are missing are asked again', async () => {
  const { pool } = database;
  const id = await evaluate(() =>
    addLimit({ scope: 'agent', metric: 'runs', period: 'day', max: 1, of: () => judge }),
  );
  await evaluationIs(id, 'completed');
  expect(await totalsOf(id)).toMatchObject({ passed: 1, not_graded: ITEMS - 1 });
  const errors = await all<{ message: string }>(
    pool,
    `select distinct r.error ->> 'message' as message from howdah.evaluation_results as r
     where r.evaluation_id = $1 and r.error is not null`,
    [id],
  );
  expect(errors).toEqual([
    { message: expect.stringMatching(/: the judge could not start: the limit of agent/) },
  ]);
  expect(server.requests).toHaveLength(1);
  await raise(100);
  await pool.query('select howdah.grade_again($1)', [id]);
  await evaluationIs(id, 'completed');
  expect(await totalsOf(id)).toMatchObject({ passed: ITEMS, not_graded: 0 });
  expect(asked()).toEqual(EACH_ONCE);
  await pool.query('delete from howdah.limits');
});
