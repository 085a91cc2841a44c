import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import * as runtime from '../../runtime/arrange.ts';
import { all, makeAgent, makeRun, makeTenant, makeUser, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { type Answer, startTestApi } from '../harness.ts';
import { makeHook, masterKeys, send, storeSecrets } from '../inbound/support.ts';
import { connect } from '../mcp/mcp-client.ts';
import { call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// Requests that tools of runs send to the API itself. They name their run in a header, so that what
// they do counts as done by the run, whosever key they have.

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let tenant: string;
let agent: string;
let agentName: string;
/** A run of the agent, which sends the requests. */
let run: string;
let ofAnna: string;
let ofShop: string;
let anna: string;

const keyOf = async (name: string, userId: string | null = null) =>
  (
    await one(db.pool, `select key from howdah.create_api_key($1, 'admin', user_id => $2)`, [
      name,
      userId,
    ])
  ).key as string;

beforeAll(async () => {
  api = await startTestApi(db.url, { ...tokenOptions, masterKeys });
  worker = await startTestWorker(db.url, { egressAllow: ['127.0.0.1'], masterKeys });
  tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
  await storeSecrets(db.pool, tenant);
  anna = (await makeUser(db.pool, { username: 'anna', role: 'admin' })).id;
  [ofAnna, ofShop] = [await keyOf('anna', anna), await keyOf('shop')];
  agentName = `agent-${randomUUID()}`;
  agent = await makeAgent(db.pool, { name: agentName });
  run = await makeRun(db.pool, { agent_id: agent });
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

const sentBy = (id: string) => ({ 'howdah-execution': id });
const rest = (path: string, body: object, token: string, by = run) =>
  call(api, 'POST', path, body, { token, headers: sentBy(by) });
const rate = (id: string, token: string, by = run, more: object = {}) =>
  rest(`/api/executions/${id}/feedback`, { score: 1, ...more }, token, by);

describe('feedback that a tool sends', () => {
  test('about its own run counts nothing, with the key of a person or of a program', async () => {
    for (const key of [ofAnna, ofShop]) {
      const { status, body } = await rate(run, key);
      expect([status, body.source, body.is_reward]).toEqual([201, 'agent', false]);
    }
    const { data } = await graphqlRate(run, ofAnna, run);
    expect(data.giveFeedback.result).toMatchObject({ source: 'agent', isReward: false });
    expect(await all(db.pool, 'select from howdah.rewards where execution_id = $1', [run])).toEqual(
      [],
    );
  });

  test('leaves the vote of the person who has the key', async () => {
    const rated = await makeRun(db.pool, { agent_id: agent });
    const own = await call(
      api,
      'POST',
      `/api/executions/${rated}/feedback`,
      { score: 0 },
      { token: ofAnna },
    );
    expect(own.body).toMatchObject({ source: 'person', is_reward: true });
    expect((await rate(rated, ofAnna)).body).toMatchObject({ source: 'agent', is_reward: false });
    expect(
      await one(db.pool, 'select score, votes from howdah.rewards where execution_id = $1', [
        rated,
      ]),
    ).toEqual({ score: 0, votes: 1 });
  });

  test('is no outcome, and speaks for nobody', async () => {
    expect((await rate(run, ofShop, run, { outcome: 'paid' })).body).toMatchObject({
      ...{ source: 'agent', is_reward: false, outcome: null },
    });
    const forAnna = await rate(run, ofShop, run, { user_id: anna });
    expect(forAnna).toMatchObject({
      status: 403,
      body: { code: 'HWDEN', hint: 'Leave user_id out.' },
    });
  });

  test('about a run of another agent counts as that of an agent', async () => {
    const rated = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    expect((await rate(rated, ofShop)).body).toMatchObject({ source: 'agent', is_reward: true });
  });

  test('helps no program that invents the header', async () => {
    const { body } = await call(
      api,
      'POST',
      '/api/execute',
      { agent: agentName, message: 'Started by the shop.' },
      { token: ofShop },
    );
    const other = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
    const elsewhere = await makeTenant(db.pool);
    const foreign = await makeRun(db.pool, {
      ...{ tenant_id: elsewhere, agent_id: await makeAgent(db.pool, { tenant_id: elsewhere }) },
    });
    for (const by of [other, foreign, randomUUID(), body.execution_id]) {
      expect((await rate(body.execution_id, ofShop, by)).body).toMatchObject({ is_reward: false });
    }
    const upper = await rate(body.execution_id, ofShop, body.execution_id.toUpperCase());
    expect(upper.body).toMatchObject({ source: 'agent', is_reward: false });
    // a header that is no id is none
    const plain = await rate(body.execution_id, ofShop, 'x');
    expect(plain.body).toMatchObject({ source: 'program', is_reward: false });
  });
});

const graphqlRate = async (id: string, token: string, by: string) => {
  const response = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: {
      ...{ 'content-type': 'application/json', authorization: `Bearer ${token}` },
      ...sentBy(by),
    },
    body: JSON.stringify({
      query: `mutation ($id: UUID!) {
        giveFeedback(input: { executionId: $id, score: 1 }) { result { source isReward } } }`,
      variables: { id },
    }),
  });
  return (await response.json()) as Answer;
};

test('a tool cannot grade with the key of a person', async () => {
  const graded = await rest(
    '/api/grades',
    { evaluation_result_id: randomUUID(), score: 1 },
    ofAnna,
  );
  expect(graded).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
});

/** Each way starts a run by a request of a tool. */
const STARTS: Record<string, (input: string) => Promise<unknown>> = {
  'POST /api/execute': (message) => rest('/api/execute', { agent: agentName, message }, ofShop),
  GraphQL: (input) =>
    call(
      api,
      'POST',
      '/graphql',
      {
        query: `mutation ($agent: String!, $input: String!) {
          run(input: { agent: $agent, input: $input }) { result { id } } }`,
        variables: { agent: agentName, input },
      },
      { token: ofShop, headers: sentBy(run) },
    ),
  'the protocol of OpenAI': (content) =>
    call(
      api,
      'POST',
      '/v1/chat/completions',
      { model: agentName, messages: [{ role: 'user', content }] },
      { token: ofShop, headers: sentBy(run) },
    ),
  MCP: async (message) => {
    const client = await connect(api, { token: ofShop });
    const _meta = { 'howdah/idempotency-key': `${run}:2:call_1` };
    await client.callTool({ name: agentName, arguments: { message }, _meta });
    await client.close();
  },
  'an inbound hook': async (input) => {
    const hook = await makeHook(db.pool, 'shared_secret', { agent_id: agent });
    await send(
      api,
      hook.path,
      'shared_secret',
      { id: randomUUID(), input },
      { headers: sentBy(run) },
    );
  },
};
test.each(Object.entries(STARTS))(
  'a run that a tool starts by %s acts for its run',
  async (_, start) => {
    const input = `started ${randomUUID()}`;
    await start(input);
    const started = await one(
      db.pool,
      `select e.id, e.started_by_execution_id from howdah.executions as e
     where e.input like '%' || $1 || '%' order by e.id desc limit 1`,
      [input],
    );
    expect(started.started_by_execution_id).toBe(run);
    expect((await rate(run, ofShop, started.id)).body).toMatchObject({ is_reward: false });
  },
);

test('an HTTP tool names its run, whatever its headers are', async () => {
  const secrets = createSecretWriter(secretRowsOn(db.pool), masterKeys);
  await secrets.set(tenant, 'own-key', ofAnna, putSecretOn(db.pool, tenant));
  const configuration = (more: object) => ({
    ...{ url: `${api.url}/api/executions/{id}/feedback`, method: 'POST', ...more },
    secrets: {
      authorization: { secret_name: 'own-key', hosts: [new URL(api.url).host], prefix: 'Bearer ' },
    },
  });
  const insertTool = (name: string, more: object) =>
    db.pool.query(
      `insert into howdah.tools (name, kind, effect, parameters, configuration)
       values ($1, 'http', 'once', $2, $3)`,
      [
        name,
        {
          type: 'object',
          properties: { id: { type: 'string' }, score: { type: 'number' } },
          required: ['id', 'score'],
        },
        configuration(more),
      ],
    );
  await insertTool('praise', {});
  const rated = await makeRun(db.pool, { agent_id: agent });
  const praising = await runtime.makeAgent(db.pool, {
    script: [
      runtime.callTools({ name: 'praise', arguments: { id: rated, score: 1 } }),
      { content: 'ok' },
    ],
    tools: ['praise'],
  });
  expect((await runtime.runToEnd(db.pool, praising, 'Praise it.')).status).toBe('completed');
  const entries = `select f.source, f.is_reward from howdah.feedback_entries as f
    where f.execution_id = $1`;
  expect(await all(db.pool, entries, [rated])).toEqual([{ source: 'agent', is_reward: true }]);
  await insertTool('praise_unseen', { headers: { 'Howdah-Execution': rated } });
  const hiding = await runtime.makeAgent(db.pool, {
    script: [
      runtime.callTools({ name: 'praise_unseen', arguments: { id: rated, score: 1 } }),
      { content: 'ok' },
    ],
    tools: ['praise_unseen'],
  });
  const { id } = await runtime.runToEnd(db.pool, hiding, 'Hide it.');
  const [result] = await runtime.resultsOf(db.pool, id);
  expect(result).toContain('configuration.headers.Howdah-Execution may not be set');
});
