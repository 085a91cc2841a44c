import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { connect } from '../../../../src/index.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { makeAgent } from '../../../runtime/arrange.ts';
import { makeAgent as makeIdleAgent, makeRun, makeTenant, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { ask, startTestApi } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

const UNKNOWN = '01a1f805-7e9f-729f-9dc6-14d018338ca2';

const db = testDatabase();
let api: ApiServer;
let worker: Worker;

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const QUERY = 'query ($a: UUID!, $b: UUID!) { compared: compareExecutions(a: $a, b: $b) }';
const pathOf = (a: string, b: string) => `/api/executions/${a}/compare/${b}`;

test('REST, GraphQL and the client return the same as SQL for real runs', async () => {
  const call_of = (expression: string) => ({ name: 'calculator', arguments: { expression } });
  const makeCountingAgent = (expression: string, content: string) =>
    makeAgent(db.pool, {
      tools: ['calculator'],
      script: [{ tool_calls: [{ ...call_of(expression), id: 'c1' }] }, { content }],
    });
  const client = connect(api.url);
  const runAgent = async (agent_id: string) => {
    const body = { agent_id, message: 'Count.', wait: 60 };
    const run = await client.call('execute', { body });
    expect(run.status).toBe('completed');
    return run.execution_id;
  };
  const six = await makeCountingAgent('6 * 7', 'It is 42.');
  const [a, again, b] = [
    await runAgent(six),
    await runAgent(six),
    await runAgent(await makeCountingAgent('6 * 8', 'It is 48.')),
  ];

  const { status, body } = await call(api, 'GET', pathOf(a, b));
  expect(status).toBe(200);
  expect(body).toMatchObject({
    is_same: false,
    a: { execution_id: a, model_calls: 2, tool_calls: 1 },
    b: { execution_id: b, status: 'completed' },
    shared_steps: 0,
    began: [{ field: 'agent' }, { field: 'models' }],
    steps: { changed: 3, parts_at: 1, left_off: 0 },
    ended: [{ field: 'output', a: 'It is 42.', b: 'It is 48.' }],
  });
  const tool = body.steps.changes.find(({ kind }: { kind: string }) => kind === 'tool');
  expect(tool.differences).toEqual([
    { field: 'input', a: '{"expression": "6 * 7"}', b: '{"expression": "6 * 8"}' },
    { field: 'output', a: '42', b: '48' },
  ]);
  const sql = await one(db.pool, 'select howdah.compare_executions($1, $2) as compared', [a, b]);
  expect(body).toEqual(sql.compared);
  expect((await ask(api, QUERY, { a, b })).data.compared).toEqual(sql.compared);
  const params = { id: a, other_id: b };
  expect(await client.call('compareExecutions', { params })).toEqual(sql.compared);

  const twice = await call(api, 'GET', pathOf(a, again));
  expect(twice.body).toMatchObject({ is_same: true, steps: { parts_at: null, changes: [] } });
});

test("another tenant's rows and missing rows cause the same not-found error in REST and GraphQL", async () => {
  const mine = await makeTenant(db.pool, 'mine');
  const run = async (tenant_id: string) =>
    makeRun(db.pool, { tenant_id, agent_id: await makeIdleAgent(db.pool, { tenant_id }) });
  const own = await run(mine);
  const theirs = await run(await makeTenant(db.pool, 'theirs'));
  const lockedApi = await startTestApi(db.url, tokenOptions);
  try {
    const token = await tokenFor(await makePerson(db.pool, 'ada', mine));
    for (const unknown of [UNKNOWN, theirs]) {
      for (const [a, b] of [
        [own, unknown],
        [unknown, own],
      ] as const) {
        const { status, body } = await call(lockedApi, 'GET', pathOf(a, b), undefined, { token });
        expect({ status, code: body.code, detail: body.detail }).toEqual({
          status: 404,
          code: 'HWNTF',
          detail: `there is no execution ${unknown}`,
        });
        const { errors } = await ask(lockedApi, QUERY, { a, b }, token);
        expect(errors[0]).toMatchObject({
          message: `there is no execution ${unknown}`,
          extensions: { code: 'HWNTF' },
        });
      }
    }
    expect((await call(lockedApi, 'GET', pathOf(own, own), undefined, { token })).status).toBe(200);
  } finally {
    await lockedApi.close();
  }
  expect(await call(api, 'GET', pathOf(own, '4711'))).toMatchObject({
    status: 400,
    body: { field: 'other_id' },
  });
});
