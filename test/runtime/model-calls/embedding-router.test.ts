import { randomBytes } from 'node:crypto';
import { pino } from 'pino';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import {
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { scriptedProvider } from '../../../src/providers/scripted.ts';
import { startWorker, type Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { killWorkerProcesses, loadWorkerProcess } from '../../workers/worker-process.ts';
import {
  findViolations,
  kindsOf,
  makeAgent,
  messagesOf,
  shortenBackOff,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { makeTeam, startTeam } from '../teams.ts';

const database = testDatabase();
let worker: Worker | undefined;
let server: FakeServer | undefined;
/** Ids of the members, by name. */
let agents: Record<'orders' | 'weather', string>;

beforeAll(async () => {
  await shortenBackOff(database.pool);
  const makeMember = async (name: string, description: string) => {
    const id = await makeAgent(database.pool, { script: [{ content: `${name} here` }] });
    await database.pool.query('update howdah.agents set description = $2 where id = $1', [
      id,
      description,
    ]);
    return id;
  };
  agents = {
    orders: await makeMember(
      'orders',
      'Answers questions about orders and the delivery of parcels.',
    ),
    weather: await makeMember('weather', 'Knows the weather of every town.'),
  };
});
afterEach(async () => {
  await worker?.stop(0);
  await server?.close();
  worker = server = undefined;
  killWorkerProcesses();
  expect(await findViolations(database.pool)).toEqual([]);
});

async function startEmbeddingServer(
  handler: Parameters<typeof startOpenAiServer>[0],
): Promise<FakeServer> {
  server = await startOpenAiServer(handler);
  return server;
}

type Model = { provider?: string; base_url?: string; input_price?: number };

async function makeModel({ provider = 'scripted', base_url, input_price }: Model = {}) {
  const name = `embedder_${randomBytes(6).toString('hex')}`;
  const { rows } = await database.pool.query(
    `insert into howdah.models (name, provider, model, purpose, base_url, input_price)
     values ($1, $2, 'm', 'embedding', $3, $4) returning id`,
    [name, provider, base_url, input_price],
  );
  return { model: name, id: rows[0].id as string };
}

const router = async (configuration: JsonObject, more: { max_tokens?: number } = {}) =>
  makeTeam(database.pool, {
    type: 'router',
    members: [
      { agent: agents.orders, role: 'orders' },
      { agent: agents.weather, role: 'weather' },
    ],
    configuration: { method: 'embedding', ...configuration },
    ...more,
  });

/** Makes a router with a scripted model, which returns these vectors. */
const makeScriptedRouter = async (
  vectors: Record<string, number[]>,
  { price, max_tokens, ...settings }: JsonObject & { price?: number; max_tokens?: number } = {},
  before: JsonObject[] = [],
) => {
  const { model } = await makeModel(price ? { input_price: price } : {});
  const script = [...before, { vectors, usage: { tokens_in: 100 } }];
  const configuration = { model, request_params: { script }, ...settings };
  return router(configuration, max_tokens ? { max_tokens } : {});
};

const begin = async () => {
  worker = await startTestWorker(database.url);
};
const run = async (team: string, input = 'Where is my parcel?') =>
  waitForEnd(database.pool, await startTeam(database.pool, team, input));
const decisionsOf = async (id: string) =>
  (
    await database.pool.query('select * from howdah.routing_decisions where execution_id = $1', [
      id,
    ])
  ).rows;

describe('an embedding router', () => {
  test('routes the task to the nearest member and records scores, tokens and cost', async () => {
    await begin();
    const { pool } = database;
    const vectors = { Where: [1, 0.2], orders: [1, 0], weather: [0, 1] };
    const done = await run(await makeScriptedRouter(vectors, { price: 5 }));
    expect(done).toMatchObject({
      status: 'completed',
      output: 'orders here',
      tokens_in: '100',
      model_count: 1,
    });
    expect(Number(done.cost)).toBe(0.0005);
    expect(await kindsOf(pool, done.id)).toBe('model tool child_started child output');
    const scores = [
      { member: 'orders', score: 0.980581 },
      { member: 'weather', score: 0.196116 },
    ];
    const [embeddingStep, decided] = await stepsOf(pool, done.id);
    expect(embeddingStep).toMatchObject({
      tokens_in: 100,
      tokens_out: 0,
      output: { dimensions: 2, scores },
    });
    expect(embeddingStep).toMatchObject({ name: expect.stringMatching(/^embedder_/), error: null });
    expect(decided).toMatchObject({ name: 'route', call_id: 'route' });
    expect(await decisionsOf(done.id)).toMatchObject([
      {
        method: 'embedding',
        chosen: [{ member: 'orders', confidence: 0.980581 }],
        candidates: scores,
        reason: 'the task is nearest to what is said of them',
      },
    ]);
    expect((await messagesOf(pool, done.id)).map(({ role }) => role)).toEqual([
      'user',
      'assistant',
    ]);
  });

  test('selects up to the configured number of near members, else the fallback', async () => {
    await begin();
    const vectors = { Where: [1, 1], orders: [1, 0], weather: [-1, 0.5] };
    const only = async (settings: JsonObject) => {
      const { status, output, error } = await run(await makeScriptedRouter(vectors, settings));
      return status === 'completed' ? output : error?.message;
    };
    const both = { Where: [1, 1], orders: [1, 0], weather: [0, 1] };
    const two = await run(await makeScriptedRouter(both, { top_k: 2, min_confidence: 0.7 }));
    expect(two.output).toBe('orders:\norders here\n\nweather:\nweather here');
    expect(await only({ top_k: 2 })).toBe('orders here'); // the other one is further away
    expect(await only({ min_confidence: 0.9, fallback: 'weather' })).toBe('weather here');
    expect(await only({ min_confidence: 0.9 })).toMatch(/configuration\.fallback is not set/);
  });

  test('looks up its members at run time', async () => {
    await begin();
    const { model } = await makeModel({ provider: 'local' });
    await database.pool.query(
      `insert into howdah.agents (name, description) values ('meteorologist', 'Knows clouds, storms and rainfall.')`,
    );
    const team = await makeTeam(database.pool, {
      type: 'router',
      members: [],
      configuration: { method: 'embedding', model, members: 'capable' },
    });
    const { id } = await run(team, 'Are storms and rainfall to come?');
    expect(await kindsOf(database.pool, id)).toMatch(/^tool model tool child_started/);
    expect(await decisionsOf(id)).toMatchObject([{ chosen: [{ member: 'meteorologist' }] }]);
  });

  test('compares letters when its model is the local one', async () => {
    await begin();
    const { model } = await makeModel({ provider: 'local' });
    const team = await router({ model, min_confidence: 0.1 });
    const answers = ['Was my parcel delivered?', 'How is the weather in Bonn?'].map(
      async (task) => (await run(team, task)).output,
    );
    expect(await Promise.all(answers)).toEqual(['orders here', 'weather here']);
    expect(await run(team, 'Sing!')).toMatchObject({ error: { code: 'no_route' } });
  });

  test('calls a server, and retries when it fails or returns incomparable vectors', async () => {
    await begin();
    server = await startOpenAiServer(
      [
        { vectors: [[1, 0], [1], [0, 1]] },
        { status: 429, error: { message: 'slow down' } },
        {
          vectors: [
            [0, 1],
            [1, 0],
            [0.1, 1],
          ],
        },
      ].map(({ vectors, ...rest }) => ({ ...rest, ...(vectors ? { vectors } : {}) })),
    );
    const { model } = await makeModel({ provider: 'openai', base_url: server.url });
    const done = await run(await router({ model, request_params: { dimensions: 2 } }), 'Rain?');
    expect(done).toMatchObject({ output: 'weather here', tokens_in: '11', model_count: 1 });
    const steps = await stepsOf(database.pool, done.id);
    expect(steps.map(({ kind, error }) => [kind, error?.code])).toEqual([
      ['retry', 'bad_answer'],
      ['retry', 'rate_limited'],
      ['model', undefined],
      ['tool', undefined],
      ['child_started', undefined],
      ['child', undefined],
      ['output', undefined],
    ]);
    expect(server.requests.map(({ path }) => path)).toEqual(Array(3).fill('/v1/embeddings'));
    expect(server.requests[0]?.body).toMatchObject({
      dimensions: 2,
      input: [
        'Rain?',
        'orders Answers questions about orders and the delivery of parcels.',
        'weather Knows the weather of every town.',
      ],
    });
  });

  test('truncates a long task to the input limit of models', async () => {
    await begin();
    const { requests, url } = await startEmbeddingServer(() => ({ vectors: [[1], [1], [0.5]] }));
    const { model, id } = await makeModel({ provider: 'openai', base_url: url });
    const longest = async () => {
      await run(await router({ model }), 'rain '.repeat(10_000));
      return (requests.at(-1)?.body.input as string[] | undefined)?.[0]?.length;
    };
    expect(await longest()).toBeLessThanOrEqual(4_000);
    await database.pool.query('update howdah.models set context_tokens = 512 where id = $1', [id]);
    expect(await longest()).toBeLessThanOrEqual(1_024);
  });
});

describe('logged embeddings are not requested again', () => {
  test.each(['step.commit.after:1:kill', 'child.inserted:1:kill'])(
    'when the worker dies at %s',
    async (failpoint) => {
      const embedding: FakeHandler = () => ({
        vectors: [
          [0, 1],
          [1, 0],
          [0, 1],
        ],
      });
      server = await startOpenAiServer(embedding);
      const { model } = await makeModel({ provider: 'openai', base_url: server.url });
      const team = await router({ model });
      const victim = await (await loadWorkerProcess(database.url)).start(failpoint);
      const id = await startTeam(database.pool, team, 'Rain?');
      await victim.ended;
      await begin();
      expect(await waitForEnd(database.pool, id)).toMatchObject({ output: 'weather here' });
      expect(await kindsOf(database.pool, id)).toBe('model tool child_started child output');
      expect(server.requests).toHaveLength(1);
      expect(await decisionsOf(id)).toHaveLength(1);
    },
  );

  test('when a failed run is retried manually', async () => {
    await begin();
    const vectors = { Where: [1, 0], orders: [0, 1], weather: [0, 1] };
    const { id } = await run(await makeScriptedRouter(vectors));
    await database.pool.query('select howdah.retry_execution($1)', [id]);
    await eventually(
      database.pool,
      'it fails again',
      `select from howdah.executions where id = $1 and status = 'failed' and step_count = 5`,
      [id],
    );
    expect(await kindsOf(database.pool, id)).toBe('model tool error retry error');
    expect(await decisionsOf(id)).toMatchObject([{ chosen: [] }]);
  });
});

describe('usage of embeddings counts', () => {
  const vectors = { Where: [1, 0], orders: [1, 0], weather: [0, 1] };

  test('towards the budget of the run', async () => {
    await begin();
    const done = await run(await makeScriptedRouter(vectors, { max_tokens: 50 }));
    expect(done).toMatchObject({ status: 'failed', stop_reason: 'max_tokens', tokens_in: '100' });
    expect(await kindsOf(database.pool, done.id)).toBe('model guard');
  });

  test('towards a quota: nothing is requested beyond it', async () => {
    await begin();
    const { pool } = database;
    const team = await makeScriptedRouter(vectors);
    const { rows } = await pool.query(
      `insert into howdah.limits (metric, period, scope, max_value) values ('tokens', 'month', 'tenant', 1) returning id`,
    );
    const id = await startTeam(pool, team, 'Where is it?');
    await eventually(
      pool,
      'it waits for the quota',
      `select from howdah.executions where id = $1 and waiting_for = 'quota'`,
      [id],
    );
    expect(await kindsOf(pool, id)).toBe('');
    await pool.query('delete from howdah.limits where id = $1', [rows[0].id]);
    expect(await waitForEnd(pool, id)).toMatchObject({ status: 'completed' });
  });
});

describe('a model without embeddings', () => {
  test('fails the run with the error of its server', async () => {
    await begin();
    const done = await run(await makeScriptedRouter({ e: [1] }, {}, [{ error: { status: 404 } }]));
    expect(done).toMatchObject({ status: 'failed', error: { code: 'not_found' } });
    expect(await kindsOf(database.pool, done.id)).toBe('retry error');
  });

  test('fails the run with a hint when its provider has none', async () => {
    const { generate } = scriptedProvider();
    worker = await startWorker({
      url: database.url,
      tools: [],
      hooks: {},
      builtins: [],
      concurrency: 10,
      release: 'test',
      log: pino({ level: 'silent' }),
      provider: () => ({ ok: true, value: { name: 'talker', generate } }),
    });
    const done = await run(await makeScriptedRouter({ e: [1] }));
    expect(done.error).toMatchObject({
      code: 'invalid_request',
      message: expect.stringMatching(/talker does not support embeddings.*another provider/),
    });
  });
});
