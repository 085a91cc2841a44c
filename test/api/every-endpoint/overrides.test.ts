import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { connect } from '../../../src/index.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { all, makeApiKey, makeModel, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { ask, startTestApi, until } from '../harness.ts';
import { call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// Starts one run with another model, other parameters and a lower budget through every interface.
// Runs and errors are equal.

const db = testDatabase();
let worker: Worker;
let api: ApiServer;
let models: FakeServer;
let agent: string;
let agent_id: string;
/** Key of a user who may run agents but not edit them. */
let runner: string;
let member: string;
let folder: string;

beforeAll(async () => {
  models = await startOpenAiServer(() => ({
    content: 'Done.',
    usage: { prompt_tokens: 1000, completion_tokens: 0, total_tokens: 1000 },
  }));
  const own = { provider: 'openai', base_url: models.url, input_price: 1000 };
  agent_id = await makeAgent(db.pool, { models: [own], max_cost: 5 });
  agent = (await one(db.pool, 'select name from howdah.agents where id = $1', [agent_id])).name;
  await makeModel(db.pool, {
    name: 'careful',
    model: 'careful-1',
    base_url: models.url,
    input_price: 2000,
  });
  const { id: tenant } = await one(db.pool, `select id from howdah.tenants where slug = 'default'`);
  runner = (await makeApiKey(db.pool, tenant, { scopes: ['run'] })).key;
  member = (await makeApiKey(db.pool, tenant)).key;
  worker = await startTestWorker(db.url);
  api = await startTestApi(db.url, tokenOptions);
  folder = await mkdtemp(join(tmpdir(), 'howdah-overrides-'));
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
  await models?.close();
  if (folder) await rm(folder, { recursive: true });
});
beforeEach(() => {
  models.requests.length = 0;
});

type Said = { max_cost?: number; overrides?: Record<string, unknown> };
type Began = { id: string } | { code: string };

const MUTATION = `mutation ($agent: String!, $cost: BigFloat, $overrides: JSON) {
  run(input: {agent: $agent, input: "Hi.", maxCost: $cost, overrides: $overrides}) { result { id } }
}`;
const INSERT = `mutation ($agent: UUID!, $cost: BigFloat, $overrides: JSON) {
  createExecution(input: {execution: {agentId: $agent, input: "Hi.", maxCost: $cost, overrides: $overrides}}) { execution { id } }
}`;

const endpoints: Record<string, (said: Said, token: string) => Promise<Began>> = {
  'GraphQL run': async ({ max_cost, overrides }, token) => {
    const { data, errors } = await ask(api, MUTATION, { agent, cost: max_cost, overrides }, token);
    return data?.run?.result ?? { code: errors[0]?.extensions.code };
  },
  'GraphQL createExecution': async ({ max_cost, overrides }, token) => {
    const { data, errors } = await ask(
      api,
      INSERT,
      { agent: agent_id, cost: max_cost, overrides },
      token,
    );
    return data?.createExecution?.execution ?? { code: errors[0]?.extensions.code };
  },
  'REST, by name': async (said, token) => {
    const body = { agent, message: 'Hi.', ...said };
    const { body: got } = await call(api, 'POST', '/api/execute', body, { token });
    return got.execution_id ? { id: got.execution_id } : { code: got.code };
  },
  'REST, by id': async (said, token) => {
    const body = { agent_id, message: 'Hi.', ...said };
    const { body: got } = await call(api, 'POST', '/api/execute', body, { token });
    return got.execution_id ? { id: got.execution_id } : { code: got.code };
  },
  'the client': async (said, token) =>
    connect(api.url, { token })
      .agent(agent)
      .run('Hi.', said)
      .then(
        (id) => ({ id }),
        ({ code }) => ({ code }),
      ),
  'the command line': async ({ max_cost, overrides = {} }, token) => {
    const file = join(folder, 'overrides.json');
    await writeFile(file, JSON.stringify(overrides));
    const said = ['--overrides', `@${file}`, ...(max_cost ? ['--budget', `${max_cost}`] : [])];
    const line = ['run', agent, 'Hi.', '--detach', '--json', ...said, '--api', api.url];
    process.env.HOWDAH_API_KEY = token;
    try {
      const { stdout, stderr } = await runCli('postgresql://127.0.0.1:1/nowhere', ...line);
      return JSON.parse(stdout || JSON.stringify(JSON.parse(stderr).error));
    } finally {
      delete process.env.HOWDAH_API_KEY;
    }
  },
};

const waitForEnd = async (id: string) => {
  await until(
    async () =>
      (
        await all(
          db.pool,
          'select from howdah.executions where id = $1 and completed_at is not null',
          [id],
        )
      ).length > 0,
  );
  return one(
    db.pool,
    `select e.status, e.stop_reason, e.max_cost::float, e.cost::float, s.name as model
     from howdah.executions as e join howdah.steps as s on s.execution_id = e.id and s.kind = 'model' where e.id = $1`,
    [id],
  );
};

describe.each(Object.entries(endpoints))('%s', (_, begin) => {
  test('uses the model and parameters of the overrides, at the price of that model', async () => {
    const overrides = { model: 'careful', request_params: { temperature: 0.25, top_p: 0.5 } };
    const began = await begin({ max_cost: 4, overrides }, member);
    expect(began).toMatchObject({ id: expect.any(String) });
    expect(await waitForEnd((began as { id: string }).id)).toEqual({
      status: 'completed',
      stop_reason: 'final_answer',
      max_cost: 4,
      cost: 2,
      model: 'careful',
    });
    expect(models.requests).toHaveLength(1);
    expect(models.requests[0]?.body).toMatchObject({
      model: 'careful-1',
      temperature: 0.25,
      top_p: 0.5,
    });
  });

  test('rejects the same overrides with the same code', async () => {
    for (const [said, token, code] of [
      [{ max_cost: 6 }, member, 'HWDEN'],
      [{ max_cost: -1 }, member, 'HWINV'],
      [{ overrides: { model: 'careful' } }, runner, 'HWDEN'],
      [{ overrides: { request_params: { service_tier: 'priority' } } }, runner, 'HWDEN'],
      [{ overrides: { model: 'nobody' } }, member, 'HWNTF'],
      [{ overrides: { modell: 'careful' } }, member, 'HWINV'],
    ] as const) {
      if (code === 'HWINV' && 'max_cost' in said && begin === endpoints['the command line'])
        continue; // no option accepts this value
      expect([said, await begin(said, token)]).toMatchObject([said, { code }]);
    }
    expect(models.requests).toEqual([]);
    const free = await begin(
      { max_cost: 4, overrides: { request_params: { temperature: 0 } } },
      runner,
    );
    await waitForEnd((free as { id: string }).id);
  });
});

test('a run with a model override is replayed identically', async () => {
  const overrides = { model: 'careful', request_params: { temperature: 0.5 } };
  const id = await connect(api.url, { token: member }).agent(agent).run('Hi.', { overrides });
  await waitForEnd(id);
  const replayed = await runCli(db.url, 'replay', id);
  expect([replayed.status, replayed.stderr + replayed.stdout]).toEqual([
    0,
    expect.not.stringContaining('something else'),
  ]);
});

test('a cost budget ends a run that has reached it', async () => {
  const call = { tool_calls: [{ name: 'now', arguments: {} }] };
  const price = { usage: { tokens_in: 1000, tokens_out: 0 } };
  const id = await makeAgent(db.pool, {
    models: [
      {
        script: [
          { ...call, ...price },
          { content: 'Late.', ...price },
        ],
        input_price: 1000,
      },
    ],
    tools: ['now'],
  });
  const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [id]);
  const ran = await runCli(db.url, 'run', name, 'Hi.', '--budget', '0.5');
  expect(ran.status).toBe(6);
  const { stop_reason } = await one(
    db.pool,
    'select stop_reason from howdah.executions where agent_id = $1',
    [id],
  );
  expect(stop_reason).toBe('max_cost');
});
