import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { all, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { runCli, startCli } from '../run-cli.ts';

// Evaluations whose judges reach a limit, with a model server that counts what it is asked.

const db = testDatabase();
let worker: Worker;
let server: FakeServer;
let judgeModel: string;

const cli = (...argv: string[]) => runCli(db.url, ...argv);
const asked = () =>
  server.requests.filter(({ body }) => JSON.stringify(body).includes('Grade an answer by a rubric'))
    .length;

beforeAll(async () => {
  server = await startOpenAiServer(({ body }) => ({
    content: JSON.stringify(body).includes('Grade an answer by a rubric')
      ? '{"reason": "Polite.", "score": 1}'
      : `an answer to ${JSON.stringify(body).length} characters`,
    usage: { prompt_tokens: 90, completion_tokens: 10, total_tokens: 100 },
  }));
  worker = await startTestWorker(db.url, { openai: server.url });
  const spec = { models: [{ provider: 'openai', base_url: server.url }] };
  const [desk, judge] = [await makeAgent(db.pool, spec), await makeAgent(db.pool, spec)];
  await db.pool.query(
    `update howdah.agents as a set name = n.name, use_history = false
     from (values ($1::uuid, 'desk'), ($2::uuid, 'judge')) as n (id, name) where a.id = n.id`,
    [desk, judge],
  );
  judgeModel = (
    await one(db.pool, 'select model_id from howdah.agent_models where agent_id = $1', [judge])
  ).model_id;
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.limits');
});
afterAll(async () => {
  await worker?.stop(1_000);
  await server?.close();
});

/** Makes a data set of three questions with a judge. */
async function makeDataset(name: string): Promise<void> {
  await db.pool.query(
    `with made as (insert into howdah.datasets (name) values ($1) returning id),
       items as (
         insert into howdah.dataset_items (dataset_id, input)
         select id, $1 || repeat(' more', n) from made cross join generate_series(1, 3) as n)
     insert into howdah.graders (dataset_id, name, kind, pass_score, configuration)
     select id, $1 || ' tone', 'rubric', 0.5, '{"agent": "judge", "rubric": "It is polite."}' from made`,
    [name],
  );
}

const evaluationOf = (dataset: string) =>
  one(
    db.pool,
    `select v.id, v.status, v.totals from howdah.evaluations as v
     join howdah.datasets as d on d.id = v.dataset_id where d.name = $1`,
    [dataset],
  );

test.each([
  ['tokens', 'of the agent that judges', `'agent', howdah.agent('judge'), 'tokens', null, 0`],
  ['calls', 'of its model', `'model', $1, 'calls', 'minute', 1`],
])('a limit of %s %s is told, and judges go on when it is raised', async (metric, _of, values) => {
  const dataset = metric;
  await makeDataset(dataset);
  const before = asked();
  await db.pool.query(
    `insert into howdah.limits (scope, subject_id, metric, period, max_value)
     select ${values} where $1::uuid is not null`,
    [judgeModel],
  );
  const run = startCli(db.url, 'eval', 'run', dataset, '--agent', 'desk', '--fail-under', '1');
  await eventually(
    db.pool,
    'a judge waits at the limit',
    `select from howdah.executions as e where e.metadata ? 'judged_execution_id'
       and e.waiting_for = 'quota'`,
  );
  await expect
    .poll(() => run.stderr(), { timeout: 60_000 })
    .toMatch(/waits: .*of the (agent|model) .*limit|waits: .*limit.* of the (agent|model) /);
  const halfway = await evaluationOf(dataset);
  expect(halfway).toMatchObject({ status: 'running' });
  // another command does not wait for the limit, and its gate does not pass
  const left = await cli('eval', 'wait', halfway.id, '--fail-under', '0.1', '--stop-at-limit');
  expect(left.status).toBe(5);
  expect(left.stderr).toMatch(/refused: runs or judges wait, and go on after the limit: .*limit/);
  expect(left.stderr).toMatch(/refused: only \d of 3 runs passed or failed/);
  await db.pool.query('update howdah.limits set max_value = 100000');
  const { status, stderr } = await run.end();
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect((await evaluationOf(dataset)).totals).toMatchObject({ passed: 3, not_graded: 0 });
  expect(asked() - before).toBe(3); // no judge was asked twice
});

test('a judge over a limit of runs is not started, and is started once when it is raised', async () => {
  await makeDataset('runs');
  const before = asked();
  const { n } = await one(
    db.pool,
    'select count(*)::int as n from howdah.executions where parent_execution_id is null',
  );
  await db.pool.query(
    `insert into howdah.limits (metric, period, max_value) values ('runs', 'day', $1)`,
    [n + 4],
  );
  const refused = await cli('eval', 'run', 'runs', '--agent', 'desk', '--fail-under', '0.1');
  expect(refused.status).toBe(5);
  expect(refused.stdout).toMatch(
    /not graded: .*the judge could not start: the limit of the tenant/,
  );
  expect(refused.stderr).toMatch(/refused: only 1 of 3 runs passed or failed/);
  expect(asked() - before).toBe(1);
  const { id, status, totals } = await evaluationOf('runs');
  expect({ status, totals }).toMatchObject({
    status: 'completed',
    totals: { passed: 1, failed: 0, not_graded: 2, graded: 3 },
  });
  await db.pool.query('update howdah.limits set max_value = 100000');
  expect((await cli('eval', 'grade-again', id)).status).toBe(0);
  expect(await cli('eval', 'wait', id, '--fail-under', '1')).toMatchObject({ status: 0 });
  expect(asked() - before).toBe(3);
  const judges = await all(
    db.pool,
    `select from howdah.executions where metadata ->> 'grader' = 'runs tone'`,
  );
  expect(judges).toHaveLength(3);
});
