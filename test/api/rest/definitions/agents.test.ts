import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { createMasterKeys } from '../../../../src/secrets/master-keys.ts';
import { one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { ask as askGraphql, startTestApi } from '../../harness.ts';
import { type CallOptions, call } from '../call.ts';

const db = testDatabase();
let api: ApiServer;
const ask = (method: string, path: string, body?: unknown, options?: CallOptions) =>
  call(api, method, path, body, options);
const make = async (body: object) => (await ask('POST', '/api/agents', body)).body;

beforeAll(async () => {
  api = await startTestApi(db.url);
  await db.pool.query(
    `insert into howdah.models (name, provider, model) values ('fast', 'scripted', 'f'), ('slow', 'scripted', 's')`,
  );
});
afterAll(async () => {
  await api?.close();
});

describe('an agent', () => {
  test('is created with models and tools by name, and is found at its Location', async () => {
    const made = await ask('POST', '/api/agents', {
      name: 'desk',
      instruction: 'Answer.',
      model: 'fast',
      models: ['slow'],
      request_params: { temperature: 0 },
      tools: ['todo'],
      capabilities: ['orders'],
    });
    expect(made.status).toBe(201);
    expect(made.body).toMatchObject({
      name: 'desk',
      model: 'fast',
      models: ['fast', 'slow'],
      request_params: { temperature: 0 },
      tools: ['todo'],
      servers: [],
      version: 1,
      is_active: true,
      llm_provider_config: { provider: 'scripted', model: 'f' },
      tts_provider_config: null,
    });
    const read = await ask('GET', made.headers.get('location') ?? '');
    expect(read.body).toEqual(made.body);
    expect(read.headers.get('etag')).toBe(made.headers.get('etag'));
    const { version } = await one(
      db.pool,
      `select v.definition #>> '{models,0,name}' as version from howdah.agent_versions as v where v.agent_id = $1`,
      [made.body.id],
    );
    expect(version).toBe('fast');
  });

  test('is changed by PATCH, replaced by PUT and deleted by DELETE', async () => {
    const { id } = await make({
      name: 'clerk',
      description: 'Files.',
      max_steps: 9,
      tools: ['todo'],
    });
    const patched = await ask('PATCH', `/api/agents/${id}`, { instruction: 'File it.' });
    expect(patched.body).toMatchObject({
      description: 'Files.',
      max_steps: 9,
      tools: ['todo'],
      version: 2,
    });
    const put = await ask('PUT', `/api/agents/${id}`, {
      ...patched.body,
      max_steps: undefined,
      model: 'slow',
    });
    expect(put.status).toBe(200);
    expect(put.body).toMatchObject({
      instruction: 'File it.',
      max_steps: null,
      models: ['slow'],
      version: 3,
    });
    const bare = await ask('PUT', `/api/agents/${id}`, { name: 'clerk' });
    expect(bare.body).toMatchObject({ instruction: '', description: '', tools: [], models: [] });
    expect((await ask('DELETE', `/api/agents/${id}`)).status).toBe(204);
    expect(await ask('GET', `/api/agents/${id}`)).toMatchObject({
      status: 404,
      body: { code: 'HWNTF', detail: `there is no agent ${id}`, agent_id: id },
    });
  });

  test('accepts the field names of similar systems', async () => {
    const models = ['slow', { model: 'fast', is_default: true, request_params: { top_p: 1 } }];
    expect(await make({ name: 'sleeper', active: false, models })).toMatchObject({
      is_active: false,
      models: ['fast', 'slow'],
      request_params: { top_p: 1 },
    });
  });

  test('becomes the default by set-default, and then the current one', async () => {
    const { id } = await make({ name: 'front' });
    expect((await ask('POST', `/api/agents/${id}/set-default`)).body).toMatchObject({
      is_default: true,
    });
    expect((await ask('GET', '/api/agents/current')).body).toMatchObject({ id, name: 'front' });
  });

  test('lists its versions page by page, and its performance', async () => {
    const { id } = await make({ name: 'much edited' });
    for (const instruction of ['a', 'b', 'c'])
      await ask('PATCH', `/api/agents/${id}`, { instruction });
    const first = await ask('GET', `/api/agents/${id}/versions?limit=3`);
    expect(first.body.data.map((row: { version: number }) => row.version)).toEqual([4, 3, 2]);
    const rest = await ask('GET', `/api/agents/${id}/versions?limit=3&cursor=${first.body.next}`);
    expect(rest.body).toMatchObject({ data: [{ version: 1 }], next: null });
    await db.pool.query(`insert into howdah.executions (agent_id, input) values ($1, 'x')`, [id]);
    expect((await ask('GET', `/api/agents/${id}/performance`)).body).toMatchObject({
      agent_id: id,
      agent: 'much edited',
      data: [{ version: 4, runs: 1, success_rate: null, cost: 0 }],
    });
  });
});

describe('an invalid request is a problem that names the field', () => {
  test.each([
    [{}, 'name', 'name is missing'],
    [{ nam: 'x' }, 'nam', 'there is no field nam'],
    [{ name: 'x', instrucion: '' }, 'instrucion', 'there is no field instrucion'],
    [{ name: 'x', max_steps: 'many' }, 'max_steps', 'max_steps: expected number, received string'],
    [
      { name: 'x', is_active: true, active: false },
      'active',
      'active and is_active have the same meaning',
    ],
    [{ name: 'x', tools: ['tood'] }, 'tools', "there is no tool named 'tood'"],
    [{ name: 'x', model: 'fats' }, 'models', "there is no model named 'fats'"],
    [{ name: 'x\u0000' }, 'name', 'name contains the character U+0000'],
  ])('%j', async (body, field, detail) => {
    const { status, headers, body: problem } = await ask('POST', '/api/agents', body);
    expect([400, 404]).toContain(status);
    expect(headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(problem).toMatchObject({ status, field, detail: expect.stringContaining(detail) });
    expect(problem.hint).toBeTruthy();
  });

  test('a violated constraint has the same code as in every API', async () => {
    const made = await ask('POST', '/api/agents', { name: 'x', max_steps: 0 });
    expect(made).toMatchObject({
      status: 400,
      body: { code: 'HWINV', constraint: 'limits_are_positive' },
    });
    expect((await ask('GET', '/api/agents?name=x')).body.data).toEqual([]);
  });

  test('a name in use is 409', async () => {
    await make({ name: 'twice' });
    expect(await ask('POST', '/api/agents', { name: 'twice' })).toMatchObject({
      status: 409,
      body: { code: 'HWCNF', title: 'Conflict' },
    });
  });

  test('invalid paths, parameters and bodies', async () => {
    expect((await ask('GET', '/api/agents/7')).body).toMatchObject({ status: 400, field: 'id' });
    expect((await ask('GET', '/api/agents?limt=3')).body).toMatchObject({
      detail: 'there is no parameter limt',
      hint: 'Did you mean limit?',
    });
    expect((await ask('GET', '/api/agents?cursor=x')).body).toMatchObject({ field: 'cursor' });
    expect((await ask('GET', '/api/nothing')).body).toMatchObject({ status: 404, code: 'HWNTF' });
    const absent = await ask('PUT', '/api/agents');
    expect(absent.status).toBe(405);
    expect(absent.headers.get('allow')).toBe('GET, POST');
    expect(absent.body).toMatchObject({ hint: 'Allowed methods: GET, POST.' });
    const json = { 'content-type': 'application/json' };
    expect((await ask('POST', '/api/agents', '{', { headers: json })).body.status).toBe(400);
    expect((await ask('POST', '/api/agents', '[]', { headers: json })).body.status).toBe(400);
    expect((await ask('POST', '/api/agents')).body.status).toBe(400);
    expect(
      (await ask('POST', '/api/agents', 'a=b', { headers: { 'content-type': 'text/plain' } }))
        .status,
    ).toBe(415);
    expect(
      (await ask('POST', '/api/agents', '{"name":"a","name":"b"}', { headers: json })).status,
    ).toBe(400);
  });
});

describe('an ETag', () => {
  test('is compared in the updating statement: the second of two writers gets 412', async () => {
    const { id } = await make({ name: 'tagged' });
    const { headers } = await ask('GET', `/api/agents/${id}`);
    const etag = headers.get('etag') ?? '';
    const options = { headers: { 'if-match': etag } };
    const both = await Promise.all(
      ['one', 'two'].map((description) =>
        ask('PATCH', `/api/agents/${id}`, { description }, options),
      ),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 412]);
    expect((await ask('DELETE', `/api/agents/${id}`, undefined, options)).status).toBe(412);
    expect((await ask('GET', `/api/agents/${id}`)).status).toBe(200);
  });

  test('changes with the tools of the agent, and returns 304 while it matches', async () => {
    const { id } = await make({ name: 'given' });
    const before = await ask('GET', `/api/agents/${id}`);
    const etag = before.headers.get('etag') ?? '';
    expect(
      (await ask('GET', `/api/agents/${id}`, undefined, { headers: { 'if-none-match': etag } }))
        .status,
    ).toBe(304);
    const after = await ask(
      'PATCH',
      `/api/agents/${id}`,
      { tools: ['todo'] },
      { headers: { 'if-match': etag } },
    );
    expect(after.status).toBe(200);
    expect(after.headers.get('etag')).not.toBe(etag);
    expect(
      (await ask('PATCH', `/api/agents/${id}`, { tools: [] }, { headers: { 'if-match': etag } }))
        .status,
    ).toBe(412);
  });
});

describe('agent fields outside the version', () => {
  const speech = (model: string) => ({ tts_provider_config: { provider: 'openai', model } });

  test('change the ETag, so a reader does not get 304', async () => {
    const { id } = await make({ name: 'spoken', ...speech('a') });
    const before = await ask('GET', `/api/agents/${id}`);
    const etag = before.headers.get('etag') ?? '';
    const patch = await ask('PATCH', `/api/agents/${id}`, speech('b'));
    expect(patch.headers.get('etag')).not.toBe(etag);
    const options = { headers: { 'if-none-match': etag } };
    expect(await ask('GET', `/api/agents/${id}`, undefined, options)).toMatchObject({
      status: 200,
      body: speech('b'),
    });
  });

  test('are written by the first of two writers with the same ETag', async () => {
    const { id } = await make({ name: 'contested', ...speech('a') });
    const { headers } = await ask('GET', `/api/agents/${id}`);
    const options = { headers: { 'if-match': headers.get('etag') ?? '' } };
    const both = await Promise.all(
      ['b', 'c'].map((model) => ask('PATCH', `/api/agents/${id}`, speech(model), options)),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual([200, 412]);
  });

  test('show changes made elsewhere', async () => {
    await ask('POST', '/api/models', { name: 'before', provider: 'scripted', model: 'm' });
    const { id } = await make({ name: 'follower', model: 'before' });
    const { headers } = await ask('GET', `/api/agents/${id}`);
    await db.pool.query(`update howdah.models set name = 'after' where name = 'before'`);
    const options = { headers: { 'if-none-match': headers.get('etag') ?? '' } };
    expect(await ask('GET', `/api/agents/${id}`, undefined, options)).toMatchObject({
      status: 200,
      body: { model: 'after' },
    });
  });
});

test('lists continue after a row: new rows shift no page', async () => {
  for (const number of [1, 2, 3, 4, 5]) await make({ name: `listed ${number}`, domain: 'lists' });
  const names = ({ body }: { body: { data: { name: string }[] } }) =>
    body.data.map(({ name }) => name);
  const first = await ask('GET', '/api/agents?domain=lists&limit=2');
  expect(names(first)).toEqual(['listed 5', 'listed 4']);
  const link = /^<(.*)>; rel="next"$/.exec(first.headers.get('link') ?? '')?.[1] ?? '';
  await make({ name: 'listed 6', domain: 'lists' });
  const second = await ask('GET', link);
  expect(names(second)).toEqual(['listed 3', 'listed 2']);
  const third = await ask('GET', `/api/agents?domain=lists&limit=2&cursor=${second.body.next}`);
  expect(names(third)).toEqual(['listed 1']);
  expect(third.body.next).toBeNull();
  expect(third.headers.get('link')).toBeNull();
  for (const other of ['/api/tools', '/api/executions', '/sessions']) {
    expect(await ask('GET', `${other}?cursor=${first.body.next}`)).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'cursor' },
    });
  }
});

describe('a provider configuration', () => {
  const key = 'sk-a-key-of-somebody-4711';
  let sealed: ApiServer;
  beforeAll(async () => {
    sealed = await startTestApi(db.url, {
      masterKeys: createMasterKeys({ keys: [Buffer.alloc(32, 7)], file: undefined }),
    });
  });
  afterAll(() => sealed?.close());

  test('is a model row of the agent, and its key is a secret shown masked', async () => {
    const made = await call(sealed, 'POST', '/api/agents', {
      name: 'voiced',
      llm_provider_config: {
        provider: 'openai',
        api_key: key,
        model: 'gpt',
        api_url: 'https://llm.example.com',
        completions_path: '/v1/chat/completions',
      },
      tts_provider_config: {
        provider: 'openai',
        model: 'tts',
        voice_id: 'alloy',
        sample_rate: 24000,
      },
    });
    expect(made.body).toMatchObject({
      llm_provider_config: {
        api_key: '****4711',
        api_url: 'https://llm.example.com',
        completions_path: '/v1/chat/completions',
        model: 'gpt',
      },
      tts_provider_config: { voice_id: 'alloy', sample_rate: 24000 },
    });
    expect(JSON.stringify(made.body)).not.toContain(key);
    const fields = 'llmProviderConfig ttsProviderConfig sttProviderConfig';
    const shown = await askGraphql(sealed, `query ($id: UUID!) { agent(id: $id) { ${fields} } }`, {
      id: made.body.id,
    });
    expect(shown).toMatchObject({
      errors: [],
      data: {
        agent: {
          llmProviderConfig: made.body.llm_provider_config,
          ttsProviderConfig: made.body.tts_provider_config,
          sttProviderConfig: null,
        },
      },
    });
    const { dump } = await one(
      db.pool,
      `select string_agg(m::text, '') || (select string_agg(v::text, '') from howdah.agent_versions as v)
         || (select string_agg(l::text, '') from howdah.audit_log as l) as dump from howdah.models as m`,
    );
    expect(dump).not.toContain(key);

    const same = await call(sealed, 'PUT', `/api/agents/${made.body.id}`, made.body);
    expect(same.body).toEqual({ ...made.body, updated_at: same.body.updated_at });
    const renamed = await askGraphql(
      sealed,
      `mutation ($id: UUID!) {
         updateAgent(input: { id: $id, patch: { description: "Speaks." } }) { agent { ${fields} } }
       }`,
      { id: made.body.id },
    );
    expect(renamed).toMatchObject({ errors: [], data: { updateAgent: shown.data } });
    const changed = await call(sealed, 'PATCH', `/api/agents/${made.body.id}`, {
      llm_provider_config: { model: 'gpt-2' },
    });
    expect(changed.body.llm_provider_config).toMatchObject({ model: 'gpt-2', api_key: '****4711' });
    const gone = await call(sealed, 'PATCH', `/api/agents/${made.body.id}`, {
      llm_provider_config: null,
    });
    expect(gone.body).toMatchObject({ llm_provider_config: null, models: [] });
  });

  test('is shown with the field names of its input and accepts either names', async () => {
    const speech = { model: 'm', url: 'https://tts.example.com', path: '/say', voice_id: 'v' };
    const { body } = await call(sealed, 'POST', '/api/agents', {
      name: 'worded',
      llm_provider_config: {
        model: 'm',
        api_url: 'https://a.example.com',
        path: 'chat/completions',
      },
      tts_provider_config: speech,
    });
    expect(body).toMatchObject({
      llm_provider_config: {
        api_url: 'https://a.example.com',
        completions_path: 'chat/completions',
      },
      tts_provider_config: speech,
    });
    const { rows } = await db.pool.query(
      `select m.base_url from howdah.models as m where m.name like $1 order by m.purpose`,
      [`agent-${body.id}-%`],
    );
    expect(rows.map(({ base_url }) => base_url)).toEqual([
      'https://a.example.com',
      'https://tts.example.com',
    ]);
    const place = `/api/agents/${body.id}`;
    const moved = await call(sealed, 'PATCH', place, {
      llm_provider_config: {
        url: 'https://b.example.com',
        completions_path: '/v2/chat/completions',
      },
      tts_provider_config: { api_url: 'https://b.example.com', voice_id: null },
    });
    expect(moved.body.llm_provider_config).toMatchObject({
      url: 'https://b.example.com',
      completions_path: '/v2/chat/completions',
    });
    expect(moved.body.tts_provider_config).toEqual({
      provider: 'openai',
      model: 'm',
      path: '/say',
      api_url: 'https://b.example.com',
    });
    await db.pool.query(`update howdah.models set base_url = $2 where name = $1`, [
      `agent-${body.id}-llm`,
      'https://c.example.com/v3',
    ]);
    const { llm_provider_config: elsewhere } = (await call(sealed, 'GET', place)).body;
    expect(elsewhere).toEqual({
      provider: 'openai',
      model: 'm',
      api_url: 'https://c.example.com/v3',
    });
    const same = await call(sealed, 'PUT', place, {
      name: 'worded',
      llm_provider_config: elsewhere,
    });
    expect(same.body.llm_provider_config).toEqual(elsewhere);
  });

  test('is kept or removed by PUT like an omitted field, and a named model stays', async () => {
    const { body } = await call(sealed, 'POST', '/api/agents', {
      name: 'put',
      llm_provider_config: { model: 'm', api_key: key },
      tts_provider_config: { model: 'say' },
    });
    const put = async (more: object) =>
      (await call(sealed, 'PUT', `/api/agents/${body.id}`, { name: 'put', ...more })).body;
    const { llm_provider_config } = body;
    expect(await put({ llm_provider_config })).toMatchObject({
      llm_provider_config,
      tts_provider_config: null,
    });
    expect(await put({ model: 'fast', llm_provider_config: null })).toMatchObject({
      models: ['fast'],
    });
  });

  test('loses its key when that is null, and retains it when omitted', async () => {
    const { body } = await call(sealed, 'POST', '/api/agents', {
      name: 'keyed',
      llm_provider_config: { model: 'm', api_key: key },
    });
    const change = async (config: object) =>
      (await call(sealed, 'PATCH', `/api/agents/${body.id}`, { llm_provider_config: config })).body
        .llm_provider_config;
    expect(await change({ model: 'n' })).toMatchObject({ model: 'n', api_key: '****4711' });
    expect(await change({ api_key: '****4711', model: 'o' })).toMatchObject({
      api_key: '****4711',
    });
    expect(await change({ api_key: null })).toEqual({ provider: 'openai', model: 'o' });
  });

  test.each([
    ['llm', { api_key: '' }, 'api_key'],
    ['llm', { api_url: 'nowhere' }, 'api_url'],
    ['tts', { url: 'nowhere' }, 'url'],
    ['tts', { url: 'https://a.example.com', api_url: 'https://b.example.com' }, 'url'],
    ['llm', { path: 'chat/completions', completions_path: '/v1/chat/completions' }, 'path'],
    ['stt', { sample_rate: 0 }, 'sample_rate'],
    ['stt', { model: null, language: 'de' }, 'model'],
  ])('of %s with %j is rejected by field', async (purpose, config, member) => {
    const name = `${purpose}_provider_config`;
    const refused = await call(sealed, 'POST', '/api/agents', {
      name: 'wrong',
      [name]: { model: 'm', ...config },
    });
    expect(refused).toMatchObject({
      status: 400,
      body: {
        code: 'HWINV',
        field: `${name}.${member}`,
        detail: expect.stringContaining(`${name}.${member}`),
      },
    });
  });

  test('with an unknown masked key is rejected without creating an agent', async () => {
    const masked = await call(sealed, 'POST', '/api/agents', {
      name: 'inward',
      llm_provider_config: { model: 'm', api_key: '****4711' },
    });
    expect(masked).toMatchObject({ status: 400, body: { field: 'llm_provider_config.api_key' } });
    expect((await call(sealed, 'GET', '/api/agents?name=inward')).body.data).toEqual([]);
  });
});

test('OpenAPI is generated from the same schemas, and the docs page needs no script', async () => {
  const { body } = await ask('GET', '/openapi.json');
  expect(body.openapi).toBe('3.1.0');
  expect(
    body.paths['/api/agents'].post.requestBody.content['application/json'].schema,
  ).toMatchObject({
    required: ['name'],
    additionalProperties: false,
  });
  expect(
    body.paths['/api/agents/{id}'].get.responses['200'].content['application/json'].schema,
  ).toEqual({
    $ref: '#/components/schemas/Agent',
  });
  expect(body.paths['/api/executions/{id}/stream'].get.parameters).toContainEqual(
    expect.objectContaining({ name: 'Last-Event-ID', in: 'header' }),
  );
  for (const path of ['/graphql', '/mcp', '/a2a/{agent}', '/ag-ui/agents/{agent}']) {
    expect(body.paths[path].post.externalDocs.url, path).toMatch(/^https:/);
  }
  for (const path of ['/v1/chat/completions', '/api/chat', '/ws']) {
    expect(body.paths[path], path).toBeTruthy();
  }
  const page = await ask('GET', '/docs');
  expect(page.body).toContain('/api/agents/{id}/set-default');
  expect(page.body).not.toMatch(/<script|https?:\/\//);
  expect(page.headers.get('content-security-policy')).toContain(
    "default-src 'none'; style-src 'sha256-",
  );
});
