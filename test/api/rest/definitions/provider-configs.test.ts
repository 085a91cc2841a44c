import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../../chaos/load/openai-server.ts';
import { SYNONYMS } from '../../../../src/api/rest/definitions/provider-config-aliases.ts';
import type { ApiServer } from '../../../../src/api/server.ts';
import { createMasterKeys } from '../../../../src/secrets/master-keys.ts';
import type { Worker } from '../../../../workers/start-worker.ts';
import { runToEnd } from '../../../runtime/arrange.ts';
import { all, makeTenant, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { startTestWorker } from '../../../support/worker.ts';
import { ask, startTestApi } from '../../harness.ts';
import { tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

// Creates provider configurations over an API on loopback without login.

const GROQ = {
  provider: 'groq.com',
  api_key: 'gsk_a-key-of-groq-4711',
  model: 'openai/gpt-oss-20b',
  api_url: 'https://api.groq.com',
  completions_path: '/openai/v1/chat/completions',
};
const ASYNC = {
  provider: 'async.ai',
  api_key: 'a-key-of-async-0815',
  model_id: 'asyncflow_v2.0',
  voice_id: 'e0f39dc4-f691-4e78-bba5-5c636692cc04',
  url: 'https://api.async.ai',
  path: '/text_to_speech/streaming',
  sample_rate: 24000,
};
const WHISPER = {
  provider: 'whisper.local',
  url: 'ws://whisper-stt:8003',
  path: '/api/stt/stream',
};

const db = testDatabase();
const masterKeys = createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined });
let api: ApiServer;
let names = 0;

beforeAll(async () => {
  api = await startTestApi(db.url, { masterKeys });
});
afterAll(() => api?.close());

const create = (configs: object, to = api, token?: string) =>
  call(
    to,
    'POST',
    '/api/agents',
    { name: `desk ${++names}`, ...configs },
    { ...(token && { token }) },
  );

test('SQL and TypeScript know the same names of a member', async () => {
  const sources = await all(
    db.pool,
    `select p.prosrc from pg_proc as p
     where p.pronamespace = 'howdah_private'::regnamespace and p.prosrc like '%first_member(config%'
     order by p.proname`,
  );
  const lists = sources.flatMap(({ prosrc }) =>
    [...prosrc.matchAll(/first_member\(config,([^)]*)\)/g)].map(([, names]) =>
      [...names.matchAll(/'(\w+)'/g)].map(([, name]) => name),
    ),
  );
  expect(lists).toEqual(SYNONYMS);
});

const modelsOf = (agent: string) =>
  all(
    db.pool,
    `select m.purpose, m.provider, m.model, m.base_url, m.secret_name is not null as has_key,
       case m.purpose when 'llm' then '{}' else x.request_params end as request_params
     from howdah.agent_models as x join howdah.models as m on m.id = x.model_id
     where x.agent_id = $1 order by m.purpose`,
    [agent],
  );

test('the words of the user are accepted, stored as models, and shown back', async () => {
  const { status, body } = await create({
    llm_provider_config: GROQ,
    tts_provider_config: ASYNC,
    stt_provider_config: WHISPER,
  });
  expect({ status, body }).toMatchObject({ status: 201 });
  expect(body.llm_provider_config).toEqual({ ...GROQ, api_key: '****4711' });
  expect(body.tts_provider_config).toEqual({ ...ASYNC, api_key: '****0815' });
  const warnings = [expect.stringContaining('WebSocket')];
  expect(body.stt_provider_config).toEqual({ ...WHISPER, warnings });
  expect(await modelsOf(body.id)).toEqual([
    {
      purpose: 'llm',
      provider: 'groq',
      model: GROQ.model,
      base_url: 'https://api.groq.com/openai/v1',
      has_key: true,
      request_params: {},
    },
    {
      purpose: 'tts',
      provider: 'async.ai',
      model: ASYNC.model_id,
      base_url: ASYNC.url,
      has_key: true,
      request_params: { voice: ASYNC.voice_id, sample_rate: 24000, path: ASYNC.path },
    },
    {
      purpose: 'stt',
      provider: 'whisper.local',
      model: '',
      base_url: WHISPER.url,
      has_key: false,
      request_params: { path: WHISPER.path },
    },
  ]);
  const again = await call(api, 'PUT', `/api/agents/${body.id}`, body);
  expect(again.body).toEqual({ ...body, updated_at: again.body.updated_at });
  const shown = await ask(
    api,
    'query ($id: UUID!) { agent(id: $id) { ttsProviderConfig sttProviderConfig } }',
    { id: body.id },
  );
  expect(shown.data.agent).toEqual({
    ttsProviderConfig: body.tts_provider_config,
    sttProviderConfig: { ...WHISPER, warnings },
  });
});

test.each([
  [
    { provider: 'groq.com', model: 'm', api_url: 'https://api.groq.com' },
    'groq',
    'https://api.groq.com/openai/v1',
  ],
  [
    { provider: 'api.openai.com', model: 'm', api_url: 'https://api.openai.com/' },
    'openai',
    'https://api.openai.com/v1',
  ],
  [{ model: 'm', api_url: 'https://api.deepseek.com' }, 'openai', 'https://api.deepseek.com/v1'],
  [{ provider: 'anthropic', model: 'm', api_url: 'https://api.anthropic.com' }, 'anthropic', null],
  [{ provider: 'Claude', model_id: 'm', api_key: 'another-key-1234' }, 'anthropic', null],
  [
    { provider: 'llm.example.com', model_name: 'm' },
    'llm.example.com',
    'https://llm.example.com/v1',
  ],
  [{ provider: 'gemini', model: 'm', api_url: 'https://gemini' }, 'google', 'https://gemini'],
  [
    { provider: 'vllm', model: 'm', endpoint: 'http://10.0.0.8:8000/v1' },
    'vllm',
    'http://10.0.0.8:8000/v1',
  ],
])('%j is a model of %s at %s', async (config, provider, base_url) => {
  const llm_provider_config = { api_key: 'a-key-of-it-1234', ...config };
  const { status, body } = await create({ llm_provider_config });
  expect({ status, body }).toMatchObject({
    status: 201,
    body: { llm_provider_config: { ...config, api_key: '****1234' } },
  });
  expect(await modelsOf(body.id)).toMatchObject([{ provider, model: 'm', base_url }]);
});

test.each([
  ['llm', { temperature: 0 }, /^temperature .*request_params/],
  ['llm', { voice_id: 'alloy' }, /^voice_id .*tts_provider_config/],
  ['tts', { sample_rat: 8000 }, /^sample_rat .*sample_rate/],
  ['stt', { output_format: 'mp3' }, /^output_format .*tts_provider_config/],
])(
  'a member of %s without a meaning is named in the answer: %j',
  async (purpose, more, warning) => {
    const field = `${purpose}_provider_config`;
    const { status, body } = await create({ [field]: { model: 'm', ...more } });
    expect(status).toBe(201);
    const shown = { provider: 'openai', model: 'm', warnings: [expect.stringMatching(warning)] };
    expect(body[field]).toEqual(shown);
    const back = await call(api, 'PUT', `/api/agents/${body.id}`, body);
    expect(back.body[field]).toEqual(shown);
  },
);

test('a key is never kept for another provider', async () => {
  const { body } = await create({ llm_provider_config: GROQ });
  const patch = (config: object) =>
    call(api, 'PATCH', `/api/agents/${body.id}`, { llm_provider_config: config });
  const updated = await patch({ provider: 'Groq', model: 'other' });
  expect(updated.body.llm_provider_config).toMatchObject({ api_key: '****4711', model: 'other' });
  const refused = await patch({ provider: 'mistral' });
  expect(refused).toMatchObject({
    status: 400,
    body: { detail: expect.stringContaining('llm_provider_config.api_key') },
  });
  const changed = await patch({ provider: 'mistral', api_key: 'a-key-of-mistral-0002' });
  expect(changed.body.llm_provider_config).toMatchObject({ api_key: '****0002' });
});

test('a replaced member replaces its other names', async () => {
  const { body } = await create({ tts_provider_config: ASYNC });
  const { body: changed } = await call(api, 'PATCH', `/api/agents/${body.id}`, {
    tts_provider_config: { model: 'other', voice: 'alloy', base_url: 'https://b.example.com' },
  });
  expect(changed.tts_provider_config).toEqual({
    provider: 'async.ai',
    api_key: '****0815',
    model: 'other',
    voice: 'alloy',
    base_url: 'https://b.example.com',
    path: ASYNC.path,
    sample_rate: 24000,
  });
});

test.each([
  ['llm', { provider: 'opnai', model: 'm' }, 400, 'provider'],
  ['tts', { provider: 'deepgram', model: 'm', api_key: 'a-key-1234' }, 400, 'provider'],
  ['llm', { provider: 'anthropic', model: 'm' }, 400, 'provider'],
  ['llm', { provider: 'groq.com', api_key: 'a-key-1234' }, 400, 'model'],
  ['stt', { provider: 'groq.com', api_key: 'a-key-1234' }, 400, 'model'],
  ['tts', { model: 'm', model_id: 'n' }, 400, 'model_id'],
])(
  'a configuration of %s that cannot run is rejected: %j',
  async (purpose, config, status, member) => {
    expect(await create({ [`${purpose}_provider_config`]: config })).toMatchObject({
      status,
      body: { code: 'HWINV', field: `${purpose}_provider_config.${member}` },
    });
  },
);

test('an alias is shown as it was written, with the warnings of the document', async () => {
  const config = { provider: 'claude', api_key: 'sk-ant-0123', model_id: 'sonnet', temperature: 0 };
  const { status, body } = await create({ llm_provider_config: config });
  expect({ status, body }).toMatchObject({ status: 201 });
  const { temperature: _, ...otherSettings } = config;
  expect(body.llm_provider_config).toEqual({
    ...{ ...otherSettings, api_key: '****' },
    warnings: [expect.stringMatching(/^temperature /)],
  });
  expect(await modelsOf(body.id)).toMatchObject([
    { provider: 'anthropic', model: expect.stringMatching(/^claude-sonnet-/) },
  ]);
});

test('a completions_path is left out for a vendor with its own format', async () => {
  const { body } = await create({
    llm_provider_config: {
      provider: 'anthropic',
      api_key: 'a-key-of-anthropic-0003',
      model: 'claude-sonnet-4-5',
      api_url: 'https://api.anthropic.com',
      completions_path: '/v1/messages',
    },
  });
  expect(body.llm_provider_config.warnings).toEqual([
    expect.stringMatching(/^completions_path .*own format/),
  ]);
  expect(await modelsOf(body.id)).toMatchObject([{ provider: 'anthropic', base_url: null }]);
});

test('a key is deleted with its configuration, unless something else uses it', async () => {
  const { body } = await create({ tts_provider_config: ASYNC, llm_provider_config: GROQ });
  const secrets = () =>
    all(
      db.pool,
      'select s.name from howdah.secrets as s where starts_with(s.name, $1) order by s.name',
      [`agent-${body.id}`],
    );
  expect(await secrets()).toHaveLength(2);
  const patch = (configs: object) => call(api, 'PATCH', `/api/agents/${body.id}`, configs);
  expect((await patch({ tts_provider_config: null })).status).toBe(200);
  expect(await secrets()).toEqual([{ name: `agent-${body.id}-llm` }]);
  await patch({ llm_provider_config: { api_url: 'http://localhost:8000', api_key: null } });
  const other = { name: 'user of the key', provider: 'groq', model: 'm' };
  const again = await patch({ tts_provider_config: ASYNC });
  expect(again.status).toBe(200);
  await call(api, 'POST', '/api/models', { ...other, secret_name: `agent-${body.id}-tts` });
  await patch({ tts_provider_config: null });
  expect(await secrets()).toContainEqual({ name: `agent-${body.id}-tts` });
});

test('keys of a deleted agent are deleted when its last run has ended', async () => {
  const { body } = await create({ tts_provider_config: ASYNC, llm_provider_config: GROQ });
  const run = await one(
    db.pool,
    `insert into howdah.executions (agent_id, input) values ($1, 'Hi') returning id`,
    [body.id],
  );
  expect((await call(api, 'DELETE', `/api/agents/${body.id}`)).status).toBeLessThan(300);
  const sweep = async () => {
    await db.pool.query('select howdah_private.delete_abandoned_provider_configs()');
    return all(
      db.pool,
      `select s.name from howdah.secrets as s where starts_with(s.name, $1)
       union all select m.name from howdah.models as m where starts_with(m.name, $1)`,
      [`agent-${body.id}`],
    );
  };
  await db.pool.query(
    `update howdah.agents set deleted_at = now() - interval '2 hours' where id = $1`,
    [body.id],
  );
  expect(await sweep()).toHaveLength(4);
  await db.pool.query('select howdah.cancel_execution($1)', [run.id]);
  expect(await sweep()).toEqual([]);
  const created = await create({ llm_provider_config: GROQ });
  await sweep();
  expect(await modelsOf(created.body.id)).toHaveLength(1);
});

test.each([
  ['llm', { provider: 'anthropic', model: 'm' }, 'provider', /llm_provider_config\.api_key/],
  ['llm', { provider: 'vllm', model: 'm' }, 'api_url', /^Set api_url/],
  ['llm', { provider: 'opnai', model: 'm' }, 'provider', /openai-compatible and api_url/],
  ['tts', { provider: 'groqq.com', model: 'm' }, 'provider', /groq\.com.*api_url/],
  ['tts', { provider: 'anthropic', model: 'm', api_key: 'k-01234567' }, 'provider', /such as/],
])('the hint on %s %j names the fields that were sent', async (purpose, config, member, hint) => {
  expect(await create({ [`${purpose}_provider_config`]: config })).toMatchObject({
    status: 400,
    body: { field: `${purpose}_provider_config.${member}`, hint: expect.stringMatching(hint) },
  });
});

test('any provider with an address is a server with the API of OpenAI', async () => {
  const llm_provider_config = {
    provider: 'my-server',
    model: 'm',
    url: 'https://llm.example.com/v1',
  };
  const { body } = await create({ llm_provider_config });
  expect(body.llm_provider_config).toEqual(llm_provider_config);
  expect(await modelsOf(body.id)).toMatchObject([{ provider: 'openai-compatible' }]);
});

describe('a run', () => {
  let server: FakeServer;
  let worker: Worker;
  beforeAll(async () => {
    server = await startOpenAiServer([{ content: 'Hello from Groq.' }]);
    worker = await startTestWorker(db.url, { masterKeys });
  });
  afterAll(async () => {
    await worker?.stop(1_000);
    await server?.close();
  });

  test('reaches the server of the configuration, with its key', async () => {
    const { origin, pathname } = new URL(server.url);
    const { body } = await create({
      llm_provider_config: {
        ...GROQ,
        api_url: origin,
        completions_path: `${pathname}/chat/completions`,
      },
    });
    const run = await runToEnd(db.pool, body.id);
    expect(run).toMatchObject({ status: 'completed', output: 'Hello from Groq.' });
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.body).toMatchObject({ model: GROQ.model });
  });
});

describe('private addresses', () => {
  const models = {
    name: 'ollama',
    provider: 'openai',
    model: 'm',
    base_url: 'http://localhost:11434/v1',
  };
  const CREATE = `mutation ($model: ModelInput!) { createModel(input: { model: $model }) { model { baseUrl } } }`;

  test('may be named on loopback without login, over REST and GraphQL', async () => {
    expect(await call(api, 'POST', '/api/models', models)).toMatchObject({
      status: 201,
      body: { base_url: models.base_url },
    });
    const model = { name: 'llama', provider: 'llamacpp', model: 'm' };
    expect(await ask(api, CREATE, { model })).toMatchObject({ errors: [] });
  });

  test('may not be named with a token, neither there nor on a server with a login', async () => {
    const tenant_id = await makeTenant(db.pool);
    const { id: user_id } = await one(
      db.pool,
      `insert into howdah.users (tenant_id, username, role) values ($1, 'root', 'owner') returning id`,
      [tenant_id],
    );
    const token = await tokenFor({ sub: 'a', tenant_id, user_id }, { user_id, role: 'owner' });
    const closed = await startTestApi(db.url, { ...tokenOptions, masterKeys });
    const open = await startTestApi(db.url, { jwtSecret: tokenOptions.jwtSecret, masterKeys });
    try {
      for (const server of [closed, open]) {
        expect(await call(server, 'POST', '/api/models', models, { token })).toMatchObject({
          status: 403,
          body: { code: 'HWDEN', field: 'base_url' },
        });
        expect(await create({ stt_provider_config: WHISPER }, server, token)).toMatchObject({
          status: 403,
          body: { code: 'HWDEN', field: 'stt_provider_config.url' },
        });
        for (const provider of ['whisper.local', '10.0.0.1', '169.254.169.254', '127.0.0.1:8003']) {
          const stt = { stt_provider_config: { provider, model: 'm' } };
          expect(await create(stt, server, token), provider).toMatchObject({
            status: 403,
            body: { code: 'HWDEN', field: 'stt_provider_config.provider' },
          });
        }
        for (const url of ['http://10.0.0.1', 'http://169.254.169.254/v1', 'http://[::1]:8003']) {
          const llm = { llm_provider_config: { provider: 'openai', model: 'm', api_url: url } };
          expect(await create(llm, server, token), url).toMatchObject({
            status: 403,
            body: {
              code: 'HWDEN',
              field: 'llm_provider_config.api_url',
              host: new URL(url).hostname,
            },
          });
        }
        const model = { name: 'llama', provider: 'openai', model: 'm', baseUrl: models.base_url };
        expect(await ask(server, CREATE, { model }, token)).toMatchObject({
          errors: [{ extensions: { code: 'HWDEN' } }],
        });
      }
    } finally {
      await closed.close();
      await open.close();
    }
  });
});
