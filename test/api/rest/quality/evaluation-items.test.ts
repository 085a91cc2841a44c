import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { runCli } from '../../../cli/run-cli.ts';
import { all, failed, finish, makeAgent, makeWorker, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { gradeRuns } from '../../../support/work/grade-runs.ts';
import { ask, startTestApi } from '../../harness.ts';
import { call } from '../call.ts';

// How much the repeats of items differ, over REST, GraphQL and the command line.

const database = testDatabase();
let api: ApiServer;
let evaluation: string;

beforeAll(async () => {
  api = await startTestApi(database.url);
  const worker = await makeWorker(database.pool);
  await makeAgent(database.pool, { name: 'support' });
  await database.pool.query(
    `with made as (insert into howdah.datasets (name) values ('orders') returning id),
     grader as (
       insert into howdah.graders (dataset_id, name, kind) select id, 'same', 'exact' from made)
     insert into howdah.dataset_items (dataset_id, input, expected)
     select id, i.input, '"It is on its way."' from made
     cross join (values ('steady'), ('shaky')) as i (input)`,
  );
  evaluation = (
    await one(database.pool, `select id from howdah.evaluate('orders', 'support', repeat => 2)`)
  ).id;
  const results = await all<{ execution_id: string; fails: boolean }>(
    database.pool,
    `select r.execution_id, i.input = 'shaky' and r.repeat = 2 as fails
     from howdah.evaluation_results as r join howdah.dataset_items as i on i.id = r.item_id
     where r.evaluation_id = $1`,
    [evaluation],
  );
  for (const { execution_id, fails } of results) {
    await finish(database.pool, worker, execution_id, fails ? failed : undefined);
  }
  await gradeRuns(database.pool);
});
afterAll(() => api?.close());

test('REST lists the flakiest item first', async () => {
  const { status, body } = await call(api, 'GET', `/api/evaluations/${evaluation}/items`);
  expect(status).toBe(200);
  expect(body.data).toMatchObject([
    { input: 'shaky', runs: 2, graded: 2, passed: 1, flakiness: 1, confidence: null },
    { input: 'steady', runs: 2, graded: 2, passed: 2, flakiness: 0, score_deviation: 0 },
  ]);
  const first = await call(api, 'GET', `/api/evaluations/${evaluation}/items?limit=1`);
  expect(first.body.data).toHaveLength(1);
  const missing = await call(api, 'GET', `/api/evaluations/${crypto.randomUUID()}/items`);
  expect(missing).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
});

test('GraphQL lists the same', async () => {
  const { data } = await ask(
    api,
    `query ($id: UUID!) {
      evaluationItems(condition: { evaluationId: $id }) { nodes { input flakiness passed } }
    }`,
    { id: evaluation },
  );
  expect(data.evaluationItems.nodes).toHaveLength(2);
  expect(data.evaluationItems.nodes).toContainEqual({ input: 'shaky', flakiness: 1, passed: 1 });
});

test('howdah eval items prints them', async () => {
  const { status, stdout } = await runCli(database.url, 'eval', 'items', evaluation);
  expect(status).toBe(0);
  expect(stdout).toMatch(/shaky\s+1 of 2\s+1\s+0.5\s+0.707/);
  expect(stdout).toMatch(/steady\s+2 of 2\s+0\s+1\s+0/);
  const missing = await runCli(database.url, 'eval', 'items', crypto.randomUUID());
  expect(missing).toMatchObject({ status: 3, stderr: expect.stringContaining('no evaluation') });
});
