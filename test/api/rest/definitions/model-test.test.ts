import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { JsonObject } from '../../../../src/json/json.ts';
import { createUnsavedModelTests } from '../../../../src/unsaved-model-tests.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { makeAgent, makeModel } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { startTestApi } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { type CallOptions, call } from '../call.ts';

const KEY = 'sk-test-0123456789abcdef';
const db = testDatabase();
let api: ApiServer;
let guarded: ApiServer;
let worker: Worker;
let server: FakeServer;

/** Answers each kind of model, and rejects the model `broken` with a text that quotes the key. */
const answer: Parameters<typeof startOpenAiServer>[0] = ({ path, body, headers }) => {
  if (body.model === 'broken') {
    return { status: 401, error: { message: `Wrong key ${headers.authorization}` } };
  }
  if (path.endsWith('/speech')) return { raw: 'MP3', headers: { 'content-type': 'audio/mpeg' } };
  const type = { 'content-type': 'application/json' };
  if (path.endsWith('/transcriptions')) return { raw: '{"text": ""}', headers: type };
  if (path.endsWith('/images/generations')) {
    return { raw: JSON.stringify({ data: [{ b64_json: GIF }] }), headers: type };
  }
  if (path.endsWith('/rerank')) return { raw: JSON.stringify({ results: RANKED }), headers: type };
  if (path.endsWith('/embeddings'))
    return {
      vectors: [
        [1, 2, 3],
        [4, 5, 6],
      ],
    };
  if (body.model === 'cached') return { ...answerOf(body), usage: CACHED };
  return answerOf(body);
};
const SPEECH = { audio: 'AAAA', media_type: 'audio/wav' };
const GIF = Buffer.from([...Buffer.from('GIF89a'), 0, 2, 0, 1]).toString('base64');
const RANKED = [0.1, 0.9].map((relevance_score, index) => ({ index, relevance_score }));
const CACHED = {
  prompt_tokens: 9,
  completion_tokens: 2,
  prompt_tokens_details: { cached_tokens: 4 },
};
const answerOf = (body: JsonObject) => {
  if (body.tools === undefined || body.model === 'mute') return { content: 'ready' };
  return { tool_calls: [{ name: 'order_status', arguments: { order_id: 'A-1001' } }] };
};

beforeAll(async () => {
  server = await startOpenAiServer(answer);
  const defaultModel = { provider: 'openai', model: 'm', apiKey: 'of-env', baseUrl: server.url };
  const models = {
    ...{ defaultModel, defaultVariables: [], others: [], keys: {}, warnings: [] },
    openai: { baseUrl: server.url, apiKey: 'of-env' },
  };
  const config = { egressAllow: [], providerPackages: [], models };
  const tryUnsavedModel = createUnsavedModelTests(config);
  worker = await startTestWorker(db.url, { openai: server.url });
  api = await startTestApi(db.url, { tryUnsavedModel });
  guarded = await startTestApi(db.url, { ...tokenOptions, tryUnsavedModel });
});
afterAll(async () => {
  await Promise.all([api?.close(), guarded?.close(), worker?.stop(0), server?.close()]);
});

const ask = (body: unknown, at: ApiServer = api, options?: CallOptions) =>
  call(at, 'POST', '/api/models/test', body, options);
const unsaved = (body: object) => ({ base_url: server.url, model: 'm', ...body });

describe('a configuration', () => {
  test.each([
    [{ provider: 'openai' }, { purpose: 'llm', answer: 'ready', tool_call: true }],
    [{ purpose: 'embedding' }, { vector_length: 3, usage: { tokens_in: 11, tokens_out: 0 } }],
    [
      { purpose: 'tts', voice_id: 'nova' },
      { audio_bytes: 3, media_type: 'audio/mpeg' },
    ],
    [{ purpose: 'stt', sample_rate: 16_000 }, { text: '' }],
    [
      { purpose: 'image' },
      { image_bytes: 10, media_type: 'image/gif', width: 512, height: 256, units: { image: 1 } },
    ],
    [
      { purpose: 'rerank' },
      {
        ranking: [
          { document: expect.stringContaining('order'), score: 0.9 },
          { document: expect.stringContaining('Bananas'), score: 0.1 },
        ],
        units: { request: 1 },
      },
    ],
  ])('%j is called', async (body, expected) => {
    const { status, body: found } = await ask(unsaved({ ...body, api_key: KEY }));
    expect(found).toMatchObject({ ok: true, provider: 'openai', model: 'm', ...expected });
    expect([status, typeof found.seconds]).toEqual([200, 'number']);
    expect(server.requests.at(-1)?.headers.authorization).toBe(`Bearer ${KEY}`);
  });

  test('without an address and a key uses those of the environment', async () => {
    const { body } = await ask({ provider: 'openai', model_id: 'm' });
    expect(body).toMatchObject({ ok: true, answer: 'ready' });
    expect(server.requests.at(-1)?.headers.authorization).toBe('Bearer of-env');
  });

  test('by an alias tests the model that would be stored', async () => {
    const { body } = await ask({ provider: 'openai', model: 'gpt54-mini' });
    expect(body).toMatchObject({ ok: true, model: 'gpt-5.4-mini' });
    expect(server.requests.at(-1)?.body.model).toBe('gpt-5.4-mini');
    expect(
      (await ask(unsaved({ provider: 'openai-compatible', model: 'sonnet' }))).body,
    ).toMatchObject({
      model: 'sonnet',
    });
  });

  test('tells the cost at the prices of the catalogue', async () => {
    const { body } = await ask({ provider: 'openai', model: 'gpt-5-mini' });
    expect(body).toMatchObject({ ok: true, cost: expect.any(Number) });
    expect((await ask(unsaved({}))).body).not.toHaveProperty('cost');
  });

  test('with an address and no key sends no key', async () => {
    expect((await ask(unsaved({}))).body.ok).toBe(true);
    expect(server.requests.at(-1)?.headers.authorization).toBeUndefined();
  });

  test('of a model without tools passes when its capabilities say so', async () => {
    const mute = unsaved({ model: 'mute' });
    expect((await ask(mute)).body).toMatchObject({
      ok: false,
      error: { code: 'bad_answer', hint: expect.stringContaining('"tools": false') },
    });
    const { body } = await ask({ ...mute, capabilities: { tools: false } });
    expect(body).toMatchObject({ ok: true, answer: 'ready' });
    expect(body).not.toHaveProperty('tool_call');
  });

  test('reports the usage of both calls, with cached tokens', async () => {
    const { body } = await ask(unsaved({ model: 'cached' }));
    expect(body.usage).toEqual({ tokens_in: 18, tokens_out: 4, cached_tokens: 8 });
  });

  test('that fails is a result, without its key', async () => {
    const { status, body } = await ask(unsaved({ model: 'broken', api_key: KEY }));
    expect([status, body]).toMatchObject([
      200,
      { ok: false, provider: 'openai', model: 'broken', error: { code: 'unauthorized' } },
    ]);
    expect(JSON.stringify(body)).not.toContain(KEY);
    const unknown = await ask({ provider: 'nowhere', model: 'm' });
    expect(unknown).toMatchObject({
      status: 200,
      body: { ok: false, purpose: 'llm', error: { code: 'invalid_request' } },
    });
  });

  test('leaves nothing in the database', async () => {
    await ask(unsaved({ api_key: KEY }));
    const tables = ['models', 'secrets', 'model_tests', 'audit_log'];
    for (const table of tables) {
      const { rows } = await db.pool.query(
        `select count(*)::int as found from howdah.${table} as t where to_jsonb(t)::text like $1`,
        [`%${KEY}%`],
      );
      expect([table, rows[0]]).toEqual([table, { found: 0 }]);
    }
  });

  test.each([
    [{}, 'model'],
    [{ model: '' }, 'model'],
    [{ provider: 'openai' }, 'model'],
    [{ provider: 'openai', model: 'm', model_id: 'n' }, 'model_id'],
    [{ model: 'm', url: 'https://a.example', base_url: 'https://b.example' }, 'base_url'],
    [{ model: 'm', purpose: 'poetry' }, 'purpose'],
    [{ model: 'm', voice: 'a', voice_id: 'b' }, 'voice_id'],
    [{ model: 'm', request_params: [] }, 'request_params'],
    [{ model: 'm', api_key: 7 }, 'api_key'],
    [{ model: 'm', temperature: 1 }, 'temperature'],
    [{ model: 'm', completions_path: '/v1/chat/completions' }, 'api_url'],
  ])('%j is refused and names the field %s', async (body, field) => {
    const { status, body: problem } = await ask(body);
    expect([status, problem.code]).toEqual([400, 'HWINV']);
    expect(JSON.stringify(problem)).toContain(field);
  });
});

describe('a stored model', () => {
  test('is tested by a worker, and the result stays in its row', async () => {
    const { rows } = await db.pool.query<{ tenant_id: string }>(
      `select id as tenant_id from howdah.tenants where slug = 'default'`,
    );
    const script = [{ content: 'ready' }, { tool_calls: [{ name: 'order_status' }] }];
    const request_params = JSON.stringify({ script });
    const columns = { name: 'scripted-one', provider: 'scripted', model: 's', request_params };
    const id = await makeModel(db.pool, { ...rows[0], ...columns });
    for (const model of ['scripted-one', id]) {
      expect(await ask({ model })).toMatchObject({
        status: 200,
        body: { ok: true, provider: 'scripted', model: 's', answer: 'ready', tool_call: true },
      });
    }
    const { rows: tests } = await db.pool.query(
      `select status::text, answer ->> 'answer' as answer from howdah.model_tests where model_id = $1`,
      [id],
    );
    expect(tests).toEqual(Array(2).fill({ status: 'passed', answer: 'ready' }));
  });

  test('that fails is a result', async () => {
    const { rows } = await db.pool.query<{ tenant_id: string }>(
      `select id as tenant_id from howdah.tenants where slug = 'default'`,
    );
    const columns = { name: 'bad', provider: 'openai', model: 'broken', purpose: 'classifier' };
    await makeModel(db.pool, { ...rows[0], ...columns });
    expect(await ask({ model: 'bad' })).toMatchObject({
      status: 200,
      body: { ok: false, purpose: 'classifier', error: { code: 'invalid_request' } },
    });
  });

  const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAgAAAAEA';
  test.each<[string, JsonObject, JsonObject, JsonObject]>([
    [
      'image',
      { image: PNG },
      { unit_price: 0.04, price_unit: 'image' },
      { image_bytes: 24, media_type: 'image/png', width: 512, height: 256, cost: 0.04 },
    ],
    [
      'rerank',
      { scores: { order: 0.9, Bananas: 0.1 } },
      { unit_price: 0.002, price_unit: 'request' },
      { ranking: [{ score: 0.9 }, { score: 0.1 }], cost: 0.002 },
    ],
    ['tts', { speech: SPEECH }, { unit_price: 0.01, price_unit: 'character' }, { cost: 0.06 }],
    ['stt', { transcript: '' }, { unit_price: 0.006, price_unit: 'minute' }, { cost: 0.00005 }],
    [
      'embedding',
      { vectors: { order: [1, 0], parcel: [0, 1] }, usage: { tokens_in: 9 } },
      { input_price: 2 },
      { vector_length: 2, cost: 0.000018 },
    ],
  ])('for %s tells what its test cost', async (purpose, step, prices, expected) => {
    const { rows } = await db.pool.query<{ tenant_id: string }>(
      `select id as tenant_id from howdah.tenants where slug = 'default'`,
    );
    const request_params = JSON.stringify({ script: [step] });
    const columns = { name: `priced ${purpose}`, provider: 'scripted', model: 's', purpose };
    const id = await makeModel(db.pool, { ...rows[0], ...columns, request_params, ...prices });
    const { body } = await ask({ model: id });
    expect(body).toMatchObject({ ok: true, purpose, ...expected });
    const { rows: tests } = await db.pool.query(
      `select answer -> 'cost' as cost from howdah.model_tests where model_id = $1`,
      [id],
    );
    expect(tests).toEqual([{ cost: expected.cost }]);
  });

  test('speaks with the voice of an agent that uses it', async () => {
    const { rows } = await db.pool.query<{ tenant_id: string }>(
      `select id as tenant_id from howdah.tenants where slug = 'default'`,
    );
    const columns = { name: 'speaker', provider: 'openai', model: 'tts', purpose: 'tts' };
    const id = await makeModel(db.pool, { ...rows[0], ...columns });
    const speak = async () => {
      expect((await ask({ model: 'speaker' })).body).toMatchObject({ ok: true, audio_bytes: 3 });
      return server.requests.at(-1)?.body.voice;
    };
    expect(await speak()).toBe('alloy');
    const agent = await makeAgent(db.pool, { ...rows[0] });
    await db.pool.query(
      `insert into howdah.agent_models (tenant_id, agent_id, model_id, purpose, request_params)
       values ($1, $2, $3, 'tts', '{"voice_id": "nova"}')`,
      [rows[0]?.tenant_id, agent, id],
    );
    expect(await speak()).toBe('nova');
    const own = `update howdah.models set request_params = '{"voice_id": "sage"}' where id = $1`;
    await db.pool.query(own, [id]);
    expect(await speak()).toBe('sage');
  });

  test('that does not exist is a 404', async () => {
    expect(await ask({ model: 'nobody' })).toMatchObject({
      status: 404,
      body: { code: 'HWNTF' },
    });
  });
});

describe('with a login', () => {
  test('only admins test models, and private addresses are refused', async () => {
    const person = await makePerson(db.pool, 'tester');
    const as = async (role: string) => ({ token: await tokenFor(person, { role }) });
    for (const role of ['viewer', 'member']) {
      for (const body of [{ model: 'default' }, unsaved({})]) {
        expect(await ask(body, guarded, await as(role))).toMatchObject({
          status: 403,
          body: { code: 'HWDEN' },
        });
      }
    }
    await db.pool.query(`update howdah.users set role = 'admin' where id = $1`, [person.user_id]);
    const admin = await as('admin');
    for (const base_url of [server.url, 'http://169.254.169.254/v1', 'http://[::1]:80/v1']) {
      const before = server.requests.length;
      expect(await ask(unsaved({ base_url }), guarded, admin)).toMatchObject({
        status: 403,
        body: { code: 'HWDEN', hint: expect.stringContaining('HOWDAH_EGRESS_ALLOW') },
      });
      expect(server.requests).toHaveLength(before);
    }
    for (const provider of ['169.254.169.254', 'models.internal', '127.0.0.1:8080']) {
      expect(await ask({ provider, model: 'm' }, guarded, admin)).toMatchObject({
        status: 403,
        body: { code: 'HWDEN', field: 'provider' },
      });
    }
    const local = await ask({ provider: 'ollama', model: 'm' }, guarded, admin);
    expect(local.body).toMatchObject({ ok: false, error: { code: 'invalid_request' } });
    expect((await call(guarded, 'POST', '/api/models/test', { model: 'default' })).status).toBe(
      401,
    );
  });
});
