import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import {
  all,
  finish,
  makeAgent,
  makeRun,
  makeUser,
  makeWorker,
  one,
} from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { ask, startTestApi } from '../../harness.ts';
import { tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

// Grades of people over REST and GraphQL, with a key of a user and with a key of nobody.

const database = testDatabase();
let api: ApiServer;
let ofAnna: string;
let ofNobody: string;
let anna: string;
let evaluation: string;
let results: string[];

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  const user = await makeUser(database.pool, { username: 'anna', role: 'member' });
  anna = user.id;
  const key = async (userId: string | null) =>
    (
      await one(
        database.pool,
        `select key from howdah.create_api_key('k', 'member', user_id => $1)`,
        [userId],
      )
    ).key;
  [ofAnna, ofNobody] = [await key(anna), await key(null)];
  const agent = await makeAgent(database.pool);
  const made = await one(
    database.pool,
    `with made as (insert into howdah.datasets (name) values ('sums') returning id, tenant_id),
       items as (
         insert into howdah.dataset_items (dataset_id, input, input_data)
         select id, n::text, '{"n": 1}' from made cross join generate_series(1, 3) as n)
     insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, items, repeats,
       version, items_digest, created_by, graders)
     select tenant_id, id, $1, $1, 3, 1, 1, 'x', 'x', '[{"name": "tone"}]' from made returning id`,
    [agent],
  );
  evaluation = made.id;
  const worker = await makeWorker(database.pool);
  for (const { id } of await all(database.pool, 'select id from howdah.dataset_items')) {
    const run = await makeRun(database.pool, { agent_id: agent });
    await finish(database.pool, worker, run);
    await database.pool.query(
      `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat, execution_id,
         graded_at, score, passed, scores)
       select tenant_id, id, $2, 1, $3, now(), 1, true, '{"tone": {"score": 1, "passed": true}}'
       from howdah.evaluations where id = $1`,
      [evaluation, id, run],
    );
  }
  results = (await all(database.pool, 'select id from howdah.evaluation_results order by id')).map(
    ({ id }) => id,
  );
});
afterAll(() => api?.close());

const rest = (method: string, path: string, body?: unknown, token = ofAnna) =>
  call(api, method, path, body, { token });
const queue = () => rest('GET', `/api/grade-queue?evaluation_id=${evaluation}&limit=2`);

test('the queue shows answers without scores, and how many remain', async () => {
  const { status, body } = await queue();
  expect({ status, remaining: body.remaining, shown: body.data.length }).toEqual({
    ...{ status: 200, remaining: 3, shown: 2 },
  });
  expect(Object.keys(body.data[0]).sort()).toEqual(
    [
      ...['evaluation_id', 'evaluation_result_id', 'expected', 'graders', 'history', 'input'],
      ...['input_data'],
      ...['input_parts', 'item_id', 'output', 'output_data'],
    ].sort(),
  );
  expect(body.data[0].input_data).toEqual({ n: 1 });
  const all = await rest('GET', '/api/grade-queue');
  expect(all).toMatchObject({ status: 200, body: { remaining: null } });
  expect(all.body.data).toHaveLength(3);
});

test('a grade is that of the user of the key, replaced by the next one, and listed', async () => {
  const [result] = results;
  const grade = { evaluation_result_id: result, score: 0.5, comment: 'too long', grader: null };
  const first = await rest('POST', '/api/grades', grade);
  expect(first).toMatchObject({
    ...{ status: 200, body: { ...grade, user_id: anna, evaluation_id: evaluation } },
  });
  expect((await queue()).body.remaining).toBe(2);
  const second = await rest('POST', '/api/grades', { ...grade, score: 1 });
  expect(second.body).toMatchObject({ id: first.body.id, score: 1 });
  const { body } = await rest('GET', `/api/grades?evaluation_id=${evaluation}`);
  expect(body.data).toMatchObject([{ id: first.body.id, score: 1 }]);
});

test('a key of nobody grades nothing, and an unknown evaluation has no queue', async () => {
  const grade = { evaluation_result_id: results[1], score: 1 };
  const refused = await rest('POST', '/api/grades', grade, ofNobody);
  expect(refused).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
  const path = `/api/grade-queue?evaluation_id=${results[0]}`;
  expect((await rest('GET', path)).status).toBe(404);
  const wrong = await rest('POST', '/api/grades', { ...grade, score: 7 });
  expect(wrong).toMatchObject({ status: 400, body: { code: 'HWINV', field: 'score' } });
});

test('GraphQL has the queue, grades, and lists them', async () => {
  const asked = await ask(
    api,
    `mutation ($result: UUID!) {
       gradeResult(input: { result: $result, score: 0.25, grader: "tone" }) {
         result { score grader userId }
       }
     }`,
    { result: results[2] },
    ofAnna,
  );
  expect(asked).toMatchObject({
    data: { gradeResult: { result: { score: 0.25, grader: 'tone', userId: anna } } },
  });
  const { data } = await ask(
    api,
    `query ($id: UUID!) {
       gradeQueues(condition: { evaluationId: $id }, orderBy: PLACE_ASC) {
         nodes { evaluationResultId output }
       }
       grades(condition: { evaluationId: $id }) { nodes { score } }
     }`,
    { id: evaluation },
    ofAnna,
  );
  expect(data?.gradeQueues.nodes).toMatchObject([{ evaluationResultId: results[1] }]);
  expect(data?.grades.nodes).toHaveLength(2);
});

test('agreement and disagreements are read over REST and GraphQL', async () => {
  const path = `/api/evaluations/${evaluation}`;
  const { status, body } = await rest('GET', `${path}/agreement`);
  expect({ status, graders: body.data.map(({ grader }: { grader: string }) => grader) }).toEqual({
    ...{ status: 200, graders: [null, 'tone'] },
  });
  // the grade of the tone is 0.25, and the grader gave 1
  const disagreements = await rest('GET', `${path}/disagreements?grader=tone`);
  expect(disagreements.body.data).toMatchObject([
    { evaluation_result_id: results[2], person_score: 0.25, grader_score: 1 },
  ]);
  const lenient = await rest('GET', `${path}/disagreements?grader=tone&pass_score=0.25`);
  expect(lenient.body.data).toEqual([]);
  expect((await rest('GET', `${path}/agreement?pass_score=2`)).status).toBe(400);
  expect((await rest('GET', `${path}/rubric-examples?grader=tone&examples=21`)).status).toBe(400);
  expect((await rest('GET', `${path}/rubric-examples?grader=tune`)).status).toBe(400);
  const { status: found, body: proposed } = await rest(
    'GET',
    `${path}/rubric-examples?grader=tone`,
  );
  expect({ found, data: Array.isArray(proposed.data) }).toEqual({ found: 200, data: true });
  expect((await rest('GET', `/api/evaluations/${results[0]}/agreement`)).status).toBe(404);
  const { data } = await ask(
    api,
    `query ($id: UUID!) {
       graderAgreement(evaluation: $id) { nodes { grader results meanDifference } }
       graderDisagreements(evaluation: $id, grader: "tone") { nodes { evaluationResultId } }
     }`,
    { id: evaluation },
    ofAnna,
  );
  expect(data?.graderAgreement.nodes).toHaveLength(2);
  expect(data?.graderDisagreements.nodes).toEqual([{ evaluationResultId: results[2] }]);
});

test('training examples and preference pairs come in pages', async () => {
  const seen: string[] = [];
  for (let path: string | undefined = '/api/training-examples?limit=2'; path; ) {
    const { status, body } = await rest('GET', path);
    expect(status).toBe(200);
    seen.push(...body.data.map(({ execution_id }: { execution_id: string }) => execution_id));
    path = body.next ? `/api/training-examples?limit=2&cursor=${body.next}` : undefined;
  }
  expect(new Set(seen).size).toBe(3);
  expect(seen).toHaveLength(3);
  expect(await rest('GET', '/api/preference-pairs')).toMatchObject({
    ...{ status: 200, body: { data: [], next: null } },
  });
});
