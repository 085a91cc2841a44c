import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { finish, makeAgent, makeRuns, makeWorker, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { gradeRuns } from '../../../support/work/grade-runs.ts';
import { ask, startTestApi } from '../../harness.ts';
import { tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

// Rules that grade live runs, over REST and GraphQL.

const database = testDatabase();
let api: ApiServer;
let admin: string;
let member: string;
let dataset: string;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  const keyOf = async (role: string) =>
    (
      await one(database.pool, 'select key from howdah.create_api_key($1, $2::howdah.user_role)', [
        role,
        role,
      ])
    ).key;
  admin = await keyOf('admin');
  member = await keyOf('member');
  const agent = await makeAgent(database.pool, { name: 'support' });
  dataset = (
    await one(
      database.pool,
      `with made as (insert into howdah.datasets (name) values ('live') returning id)
       insert into howdah.graders (dataset_id, name, kind, configuration)
       select id, 'short', 'regex', '{"pattern": "^.{1,80}$"}' from made returning dataset_id as id`,
    )
  ).id;
  const worker = await makeWorker(database.pool);
  for (const run of await makeRuns(database.pool, 2, { agent_id: agent })) {
    await finish(database.pool, worker, run);
  }
});
afterAll(() => api?.close());

const request = (method: string, path: string, body?: unknown, token = admin, headers = {}) =>
  call(api, method, path, body, { token, headers });
const create = (body: object, token = admin) => request('POST', '/api/grading-rules', body, token);

/** Does a rule as the job of a worker does. */
const fire = (id: string) =>
  database.pool.query(
    `select howdah_private.grade_by_rule(r.id, r.tenant_id, clock_timestamp())
     from howdah.grading_rules as r where r.id = $1`,
    [id],
  );

test('a rule is made by names, does its work, and its tag stays', async () => {
  const made = await create({ name: 'hourly', dataset: 'live', agent: 'support', sample: 5 });
  expect(made).toMatchObject({
    status: 201,
    body: {
      ...{ name: 'hourly', dataset_id: dataset, grades: 'support', sample: 5, evaluations: 0 },
      ...{ interval_seconds: 3600, delay_seconds: 0, is_active: true, last_error: null },
    },
  });
  const path = `/api/grading-rules/${made.body.id}`;
  const before = await request('GET', path);
  await fire(made.body.id);
  await gradeRuns(database.pool);
  const after = await request('GET', path);
  expect(after.body).toMatchObject({ evaluations: 1, last_at: expect.any(String) });
  expect(after.headers.get('etag')).toBe(before.headers.get('etag'));
  const { body } = await request('GET', `/api/evaluations?grading_rule_id=${made.body.id}`);
  expect(body.data).toMatchObject([
    { items: 2, grading_rule_id: made.body.id, created_by: 'grading rule hourly' },
  ]);
  const changed = await request('PATCH', path, { sample: 7, is_active: false });
  expect(changed).toMatchObject({ status: 200, body: { sample: 7, next_at: null } });
  expect(changed.headers.get('etag')).not.toBe(before.headers.get('etag'));
  const { data } = await ask(
    api,
    `{ gradingRules { nodes { name sample evaluations { nodes { items } } } } }`,
    {},
    member,
  );
  expect(data).toMatchObject({
    gradingRules: { nodes: [{ name: 'hourly', evaluations: { nodes: [{ items: 2 }] } }] },
  });
  expect((await request('DELETE', path)).status).toBe(204);
});

test.each([
  [{ dataset: 'live' }, 400, 'agent_id'],
  [{ agent: 'support' }, 400, 'dataset_id'],
  [{ dataset: 'nobody', agent: 'support' }, 404, 'dataset'],
  [{ dataset: 'live', agent: 'nobody' }, 404, 'agent'],
  [{ dataset: 'live', agent: 'support', graders: ['none'] }, 404, 'graders'],
  [{ dataset: 'live', agent: 'support', sample: 0 }, 400, 'sample'],
  [{ dataset: 'live', agent: 'support', interval_seconds: 5 }, 400, 'interval_seconds'],
  [{ dataset: 'live', agent: 'support', delay_seconds: -1 }, 400, 'delay_seconds'],
  [{ dataset: 'live', agent: 'support', sample: 'many' }, 400, 'sample'],
])('%j is refused', async (fields, status, field) => {
  const refused = await create({ name: 'wrong', ...fields });
  expect(refused.status).toBe(status);
  expect(JSON.stringify(refused.body)).toContain(field);
});

test('a data set has a name and an id that mean the same', async () => {
  const { body: other } = await request('POST', '/api/datasets', { name: 'other' });
  const body = { name: 'both', dataset: 'live', dataset_id: other.id, agent: 'support' };
  expect(await create(body)).toMatchObject({
    ...{ status: 400, body: { code: 'HWINV', field: 'dataset' } },
  });
});

test('a member reads rules, and writes none', async () => {
  const rule = { name: 'of a member', dataset: 'live', agent: 'support' };
  expect(await create(rule, member)).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
  const { errors } = await ask(
    api,
    `mutation($dataset: UUID!) { createGradingRule(input: { gradingRule: {
       name: "x", datasetId: $dataset } }) { gradingRule { id } } }`,
    { dataset },
    member,
  );
  expect(errors).toMatchObject([{ extensions: { code: 'HWDEN' } }]);
  expect((await request('GET', '/api/grading-rules', undefined, member)).status).toBe(200);
});
