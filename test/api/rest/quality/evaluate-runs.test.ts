import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { finish, makeAgent, makeRuns, makeWorker, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { gradeRuns } from '../../../support/work/grade-runs.ts';
import { ask, startTestApi } from '../../harness.ts';
import { tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

// Grades of runs that exist over REST and GraphQL.

const database = testDatabase();
let api: ApiServer;
let key: string;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  key = (await one(database.pool, `select key from howdah.create_api_key('k', 'member')`)).key;
  const agent = await makeAgent(database.pool, { name: 'support' });
  await database.pool.query(
    `with made as (insert into howdah.datasets (name) values ('live') returning id)
     insert into howdah.graders (dataset_id, name, kind, configuration)
     select id, 'short', 'regex', '{"pattern": "^.{1,80}$"}' from made`,
  );
  const worker = await makeWorker(database.pool);
  for (const run of await makeRuns(database.pool, 2, { agent_id: agent })) {
    await finish(database.pool, worker, run);
  }
});
afterAll(() => api?.close());

const post = (body: unknown) => call(api, 'POST', '/api/evaluations/runs', body, { token: key });

test('a request grades a sample, and its results have a run and no item', async () => {
  const since = new Date(Date.now() - 3_600_000).toISOString();
  const { status, headers, body } = await post({
    ...{ dataset: 'live', agent: 'support', since, sample: 1 },
  });
  expect({ status, location: headers.get('location') }).toEqual({
    ...{ status: 201, location: `/api/evaluations/${body.id}` },
  });
  expect(body).toMatchObject({ items: 1, repeats: 1, status: 'running' });
  expect(new Date(body.since_at).toISOString()).toBe(since);
  await gradeRuns(database.pool);
  const path = `/api/evaluation-results?evaluation_id=${body.id}`;
  const results = await call(api, 'GET', path, undefined, { token: key });
  expect(results.body.data).toMatchObject([{ item_id: null, passed: true }]);
});

test('a mutation grades the other run, and names the result', async () => {
  const { data, errors } = await ask(
    api,
    `mutation { evaluateRuns(input: { dataset: "live", agent: "support" }) {
       result { items sinceAt evaluationResults { nodes { itemId executionId } } } } }`,
    {},
    key,
  );
  expect(errors).toEqual([]);
  expect(data).toMatchObject({
    evaluateRuns: {
      result: { items: 1, sinceAt: expect.any(String), evaluationResults: { nodes: [{}] } },
    },
  });
});

test('the days of live runs are listed, by SQL, REST and GraphQL alike', async () => {
  const today = new Date().toISOString().slice(0, 10);
  const list = (query: string) =>
    call(api, 'GET', `/api/quality-by-day?${query}`, undefined, { token: key });
  await gradeRuns(database.pool);
  const { status, body } = await list('source=runs');
  expect({ status, data: body.data }).toMatchObject({
    status: 200,
    data: [{ day: today, agent: 'support', grader: null, results: 2, passed: 2, pass_rate: 1 }],
  });
  const { agent_id, dataset_id } = body.data[0];
  const both = await list(`grader=*&agent_id=${agent_id}&dataset_id=${dataset_id}&since=${today}`);
  expect(both.body.data.map((row: { grader: string | null }) => row.grader).sort()).toEqual([
    null,
    'short',
  ]);
  expect((await list('source=items')).body.data).toEqual([]);
  expect((await list('until=2026-01-01')).body.data).toEqual([]);
  expect((await list('since=yesterday')).body).toMatchObject({ field: 'since' });
  expect((await list('source=all')).body).toMatchObject({ field: 'source' });
  const { data, errors } = await ask(
    api,
    `{ qualityByDays(filter: { day: { equalTo: "${today}" }, grader: { equalTo: "short" } }) {
         nodes { agent results passed passRate source } } }`,
    {},
    key,
  );
  expect({ data, errors }).toEqual({
    data: {
      qualityByDays: {
        nodes: [{ agent: 'support', results: '2', passed: '2', passRate: 1, source: 'runs' }],
      },
    },
    errors: [],
  });
});

test('results are graded again over REST and GraphQL', async () => {
  const { id } = await one(
    database.pool,
    `update howdah.evaluation_results set passed = null, scores = '{}',
       error = '{"code": "not_graded"}'
     where id = (select max(id::text)::uuid from howdah.evaluation_results)
     returning evaluation_id as id`,
  );
  const path = `/api/evaluations/${id}/grade-again`;
  const again = await call(api, 'POST', path, undefined, { token: key });
  expect(again).toMatchObject({ status: 200, body: { evaluation_id: id, results: 1 } });
  await gradeRuns(database.pool);
  const { data, errors } = await ask(
    api,
    `mutation { gradeAgain(input: { evaluation: "${id}" }) { result } }`,
    {},
    key,
  );
  expect({ data, errors }).toEqual({ data: { gradeAgain: { result: 0 } }, errors: [] });
});

test('wrong requests name the field', async () => {
  for (const [body, field] of [
    [{ dataset: 'live', agent: 'support' }, 'since'],
    [{ dataset: 'live', agent: 'support', sample: 0 }, 'sample'],
    [{ dataset: 'live', agent: 'support', graders: ['shrot'] }, 'graders'],
    [{ dataset: 'live' }, 'agent'],
    [{ dataset: 'lvie', agent: 'support' }, 'dataset'],
    [{ dataset: 'live', agent: 'support', since: 'yesterday' }, 'since'],
  ] as const) {
    const { status, body: fault } = await post(body);
    expect({ isRefused: status === 400 || status === 404, field: fault.field }).toEqual({
      ...{ isRefused: true, field },
    });
  }
});
