import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { ModelTestAnswer, TestedModel } from '../../../../src/contracts/agents/model-test.ts';
import { createMasterKeys } from '../../../../src/secrets/master-keys.ts';
import { one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestApi } from '../../harness.ts';
import { call } from '../call.ts';

// A configuration is tested as the model that would be stored. A key must not reach another server
// than that of the stored model.

const db = testDatabase();
const masterKeys = createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined });
const tests: { tested: TestedModel; key: string | undefined }[] = [];
let api: ApiServer;
let names = 0;
let answer: ModelTestAnswer = {};

beforeAll(async () => {
  api = await startTestApi(db.url, {
    masterKeys,
    async tryUnsavedModel(tested, { key }) {
      tests.push({ tested, key });
      return {
        result: { ok: true, answer: { warnings: ['of the provider'], ...answer } },
        seconds: 0,
      };
    },
  });
});
afterAll(() => api?.close());

const ask = (body: object) => call(api, 'POST', '/api/models/test', body);

/** Stores a configuration in an agent, and returns the model that calls would use. */
async function store(purpose: string, config: object) {
  const agent = { name: `desk ${++names}`, [`${purpose}_provider_config`]: config };
  const { status, body } = await call(api, 'POST', '/api/agents', agent);
  expect([status, body]).toMatchObject([201, {}]);
  return one(
    db.pool,
    `select m.provider, m.model, m.base_url, x.request_params
     from howdah.agent_models as x join howdah.models as m on m.id = x.model_id
     where x.agent_id = $1 and x.purpose = $2`,
    [body.id, purpose],
  );
}

const URL_OF_MINE = 'https://mine.example.com/v1';
const KEY = 'sk-test-0123456789abcdef';

test.each([
  ['llm', { provider: 'openai', endpoint: URL_OF_MINE, model: 'm' }],
  ['llm', { provider: 'openai', api_url: URL_OF_MINE, model_name: 'm' }],
  ['llm', { url: `${URL_OF_MINE}/chat/completions`, model_id: 'm' }],
  ['llm', { base_url: `${URL_OF_MINE}/`, model: 'm' }],
  ['llm', { api_url: 'https://mine.example.com', path: '/v2/chat/completions', model: 'm' }],
  [
    'llm',
    { endpoint: 'https://mine.example.com', completions_path: 'chat/completions', model: 'm' },
  ],
  ['llm', { provider: 'Groq.com', api_url: 'https://api.groq.com', model: 'm' }],
  ['llm', { provider: 'mine.example.com', model: 'm' }],
  ['llm', { provider: 'my gateway', endpoint: URL_OF_MINE, model: 'm' }],
  ['llm', { provider: 'vllm', endpoint: URL_OF_MINE, model: 'm' }],
  ['tts', { endpoint: URL_OF_MINE, model_name: 'm', voice: 'nova', output_format: 'wav' }],
  ['tts', { url: URL_OF_MINE, voice_id: 'nova', language: 'de', path: '/speak' }],
  ['tts', { provider: 'async.ai', url: 'https://api.async.ai', sample_rate: 24_000, model: 'm' }],
  ['stt', { provider: 'whisper', api_url: URL_OF_MINE, path: '/listen', language: 'de' }],
])('an %s is tested as it would be stored: %j', async (purpose, config) => {
  const stored = await store(purpose, config);
  expect((await ask({ ...config, purpose, api_key: KEY })).status).toBe(200);
  const { tested, key } = tests.at(-1) ?? {};
  expect(tested).toMatchObject({ purpose, model: stored, capabilities: {} });
  expect(key).toBe(KEY);
});

test('an embedding model is tested at its endpoint', async () => {
  const body = { purpose: 'embedding', provider: 'my gateway', endpoint: URL_OF_MINE, model: 'm' };
  expect((await ask(body)).status).toBe(200);
  expect(tests.at(-1)?.tested.model).toMatchObject({
    ...{ provider: 'openai-compatible', base_url: URL_OF_MINE, request_params: {} },
  });
});

test('request_params are those of the request, with the parameters of the configuration', async () => {
  const request_params = { speed: 2 };
  await ask({ purpose: 'tts', url: URL_OF_MINE, voice: 'nova', request_params });
  expect(tests.at(-1)?.tested.model.request_params).toEqual({ speed: 2, voice: 'nova' });
});

test('a field without a meaning for the purpose is named in a warning', async () => {
  const { body } = await ask({ purpose: 'llm', model: 'm', voice: 'nova' });
  expect(body.warnings).toEqual([expect.stringMatching(/^voice /), 'of the provider']);
});

test.each([
  [{ model: 'm', model_name: 'n' }, 'model_name'],
  [{ model: 'm', endpoint: URL_OF_MINE, api_url: 'https://other.example.com' }, 'endpoint'],
  [{ provider: 'openai', purpose: 'tts' }, 'model'],
  [{ provider: 'openai', model: 'm', api_key: '****cdef' }, 'api_key'],
])('%j is refused with the field %s', async (body, field) => {
  const before = tests.length;
  expect(await ask(body)).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
  expect(tests).toHaveLength(before);
});

test.each([
  ['llm', { provider: 'openai', endpoint: URL_OF_MINE, model: 'm' }],
  ['tts', { endpoint: URL_OF_MINE, voice_id: 'nova', model: 'm' }],
  ['stt', { url: URL_OF_MINE, language: 'de' }],
])(
  'an %s is tested from the object that an agent has, and by its members',
  async (purpose, config) => {
    const nested = { [`${purpose}_provider_config`]: config, stt_provider_config: {}, model: null };
    expect((await ask({ ...nested, [`${purpose}_provider_config`]: config })).status).toBe(200);
    const ofAgent = tests.at(-1);
    expect((await ask(config)).status).toBe(200);
    expect(tests.at(-1)).toEqual(ofAgent);
    expect(ofAgent?.tested.purpose).toBe(purpose);
  },
);

test('several configurations at once are refused', async () => {
  const config = { endpoint: URL_OF_MINE, model: 'm' };
  for (const [body, field] of [
    [{ llm_provider_config: config, tts_provider_config: config }, 'tts_provider_config'],
    [{ llm_provider_config: config, model: 'm' }, 'model'],
    [{ llm_provider_config: config, purpose: 'tts' }, 'purpose'],
  ] as const) {
    expect(await ask(body)).toMatchObject({ status: 400, body: { field } });
  }
});

test('a row is tested as it would be stored, with the key of its secret, and is not stored', async () => {
  await call(api, 'POST', '/api/secrets', { name: 'groq', value: 'gsk-0123456789' });
  const row = {
    ...{ name: 'swift', provider: 'groq', model: 'm', secret_name: 'groq', domain: 'mail' },
    ...{ request_params: { temperature: 0 }, capabilities: { tools: false }, input_price: 2 },
  };
  expect(await ask(row)).toMatchObject({ status: 200, body: { ok: true, provider: 'groq' } });
  const { tested, key } = tests.at(-1) ?? {};
  expect(key).toBe('gsk-0123456789');
  expect((await call(api, 'GET', '/api/models?name=swift')).body.data).toEqual([]);
  const { body: stored } = await call(api, 'POST', '/api/models', row);
  expect(await ask({ id: stored.id })).toMatchObject({ status: 200 });
  const ofRow = tests.at(-1)?.tested;
  expect({ ...tested, model: { ...tested?.model, id: stored.id } }).toEqual(ofRow);
});

test('a change of a row is tested, and the row stays as it is', async () => {
  const row = { name: 'steady', provider: 'scripted', model: 'before', request_params: {} };
  const { body: stored } = await call(api, 'POST', '/api/models', row);
  const changed = { id: stored.id, model: 'after', input_price: 1_000_000, output_price: 0 };
  answer = { usage: { tokens_in: 3, tokens_out: 0 } };
  expect(await ask(changed)).toMatchObject({ status: 200, body: { model: 'after', cost: 3 } });
  answer = {};
  expect(tests.at(-1)?.tested.model).toMatchObject({ id: stored.id, model: 'after' });
  const { body: read } = await call(api, 'GET', `/api/models/${stored.id}`);
  expect(read).toEqual(stored);
});

test.each([
  { name: 'odd', provider: 'groq', model: 'm', secret_name: 'nobody' },
  { name: 'odd', provider: 'scriptd', model: 'm' },
  { name: 'odd', provider: 'scripted', model: 'm', input_price: -1 },
  { name: 'default', provider: 'scripted', model: 'm' },
])('the row %j is refused as storing it is', async (row) => {
  const before = tests.length;
  const refused = await call(api, 'POST', '/api/models', row);
  expect(refused.status).toBeGreaterThanOrEqual(400);
  expect((await ask(row)).body).toEqual(refused.body);
  expect(tests).toHaveLength(before);
});

test('a row has the fields of a model alone, and a changed one exists', async () => {
  expect(await ask({ name: 'odd', provider: 'scripted', voice: 'nova' })).toMatchObject({
    ...{ status: 400, body: { field: 'voice' } },
  });
  const id = '0196f9d2-7bb4-7e0a-8a53-1f6f9c1d0001';
  expect(await ask({ id, model: 'm' })).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
});
