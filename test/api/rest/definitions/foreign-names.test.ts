import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { all, one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { ask as askGraphql, startTestApi } from '../../harness.ts';
import { call } from '../call.ts';

// Requests in the words of other systems: docs/names.md.

const db = testDatabase();
let api: ApiServer;
const ask = (method: string, path: string, body?: unknown) => call(api, method, path, body);

beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

describe('an agent', () => {
  test('is created with nulls for all that is not set, and shows both names', async () => {
    const made = await ask('POST', '/api/agents', {
      name: 'shop',
      instruction: 'Help.',
      servers: null,
      model: null,
      use_history: null,
      human_input: null,
      request_params: null,
      description: null,
      agent_id: undefined,
    });
    expect(made.status).toBe(201);
    const { id } = made.body;
    expect(made.body).toMatchObject({ agent_id: id, active: true, is_active: true });
    const read = await ask('GET', `/api/agents/${id}`);
    expect(read.body).toMatchObject({ id, agent_id: id, active: true });
  });

  test('is sent back whole with either name changed, and the changed one counts', async () => {
    const { body: row } = await ask('POST', '/api/agents', { name: 'switched' });
    const path = `/api/agents/${row.id}`;
    const off = await ask('PUT', path, { ...row, is_active: false });
    expect([off.status, off.body.is_active, off.body.active]).toEqual([200, false, false]);
    const on = await ask('PUT', path, { ...off.body, active: true });
    expect([on.status, on.body.is_active, on.body.active]).toEqual([200, true, true]);
    const same = await ask('PUT', path, on.body);
    expect([same.status, same.body.is_active]).toEqual([200, true]);
    const patched = await ask('PATCH', path, { active: false, is_active: true });
    expect([patched.status, patched.body.active]).toEqual([200, false]);
    const other = await ask('PUT', path, { ...row, agent_id: crypto.randomUUID() });
    expect(other).toMatchObject({ status: 400, body: { field: 'agent_id' } });
  });

  test('is listed by active', async () => {
    await ask('POST', '/api/agents', { name: 'idle', active: false });
    const { status, body } = await ask('GET', '/api/agents?active=false&name=idle');
    expect([status, body.data.length]).toEqual([200, 1]);
    expect((await ask('GET', '/api/agents?active=true&name=idle')).body.data).toEqual([]);
  });
});

describe('a run', () => {
  test.each([['message'], ['input'], ['user_input']])('takes %s', async (field) => {
    const { body } = await ask('GET', '/api/agents/current');
    const started = await ask('POST', '/api/execute', {
      agent_id: body.agent_id,
      workflow_id: null,
      [field]: 'Hello',
    });
    expect(started.status).toBe(202);
    const run = await ask('GET', `/api/executions/${started.body.execution_id}`);
    expect(run.body).toMatchObject({ execution_id: run.body.id, input: 'Hello' });
  });

  test('takes a null beside the name that is meant, and refuses two values', async () => {
    const both = { agent: 'development', message: null, user_input: 'x' };
    expect((await ask('POST', '/api/execute', both)).status).toBe(202);
    const twice = { agent: 'development', input: 'a', user_input: 'b' };
    expect(await ask('POST', '/api/execute', twice)).toMatchObject({ status: 400 });
    const neither = { agent_id: null, workflow_id: null, message: 'x' };
    expect(await ask('POST', '/api/execute', neither)).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'agent' },
    });
  });

  test('of a session takes user_input', async () => {
    const { body: session } = await ask('POST', '/sessions', { agent: 'development' });
    const said = await ask('POST', `/sessions/${session.id}/messages`, { user_input: 'Hello' });
    expect(said.status).toBe(202);
  });
});

describe('a model', () => {
  test('needs only a name, which is its id and names its vendor', async () => {
    await db.pool.query(
      `select howdah_private.report_providers('test-host',
        '[{"provider": "anthropic", "has_package": true, "has_key": true},
          {"provider": "openai", "has_package": true, "has_key": true}]')`,
    );
    const sonnet = await ask('POST', '/api/models', { name: 'sonnet', provider: null });
    expect(sonnet).toMatchObject({ status: 201, body: { provider: 'anthropic' } });
    expect(sonnet.body.model).toMatch(/^claude-/);
    const o3 = await ask('POST', '/api/models', { name: 'o3-mini', cost_per_1k_tokens: 0.0011 });
    expect(o3.body).toMatchObject({ provider: 'openai', model: 'o3-mini', input_price: 1.1 });
    const put = await ask('PUT', `/api/models/${o3.body.id}`, { name: 'o3-mini' });
    expect(put.body).toMatchObject({ provider: 'openai', model: 'o3-mini' });
  });

  test('needs only a name in SQL and GraphQL', async () => {
    const row = await one(
      db.pool,
      `insert into howdah.models (name) values ('gpt-4.1') returning provider, model`,
    );
    expect(row).toEqual({ provider: 'openai', model: 'gpt-4.1' });
    const { data, errors } = await askGraphql(
      api,
      `mutation { createModel(input: {model: {name: "gpt-4.1-mini"}}) { model { provider model } } }`,
    );
    expect(errors).toEqual([]);
    expect(data.createModel.model).toEqual({ provider: 'openai', model: 'gpt-4.1-mini' });
  });

  test('of HfApiModel is one of Hugging Face', async () => {
    const body = { name: 'llama', provider: 'HfApiModel', base_url: 'https://llama.example/v1' };
    const made = await ask('POST', '/api/models', body);
    expect(made).toMatchObject({ status: 201, body: { provider: 'huggingface', model: 'llama' } });
  });
});

describe('a workflow', () => {
  test('takes workflow_agents in their sequence_order', async () => {
    const ids = [];
    for (const name of ['first', 'second']) {
      ids.push((await ask('POST', '/api/agents', { name })).body.agent_id);
    }
    const made = await ask('POST', '/api/workflows', {
      name: 'pair',
      type: 'chain',
      workflow_agents: [
        { agent_id: ids[1], sequence_order: 2, role: 'writer' },
        { agent_id: ids[0], sequence_order: 1, role: null },
      ],
    });
    expect(made.status).toBe(201);
    expect(made.body.members).toEqual([{ agent: 'first' }, { agent: 'second', role: 'writer' }]);
    expect(made.body.workflow_id).toBe(made.body.id);
    const again = await ask('PUT', `/api/workflows/${made.body.id}`, made.body);
    expect([again.status, again.body.members]).toEqual([200, made.body.members]);
    const missing = [{ agent_id: crypto.randomUUID() }];
    const body = { name: 'none', type: 'chain', workflow_agents: missing };
    expect(await ask('POST', '/api/workflows', body)).toMatchObject({ status: 404 });
  });
});

describe('a resource', () => {
  test('takes storage_path as its address', async () => {
    const body = { name: 'manual', type: 'pdf', content: 'x', metadata: { pages: 1 } };
    const made = await ask('POST', '/api/resources', { ...body, storage_path: 'docs/a b.pdf' });
    expect(made).toMatchObject({
      status: 201,
      body: { uri: 'file:docs/a%20b.pdf', type: 'application/pdf', storage_path: null },
    });
    const again = await ask('PUT', `/api/resources/${made.body.id}`, made.body);
    expect([again.status, again.body]).toEqual([200, made.body]);
  });
});

describe('an agent is named in place of its id', () => {
  test.each([
    ['/api/schedules', { name: 'daily', cron: '@daily', input: 'x' }],
    ['/api/webhooks', { url: 'https://hooks.example/x' }],
    ['/api/grants', { role: 'member', permission: 'run' }],
    ['/api/output-filters', { name: 'f', pattern: 'x' }],
    ['/api/tool-policies', { decision: 'ask' }],
    ['/api/tools', { name: 'asker', kind: 'agent', description: 'Asks' }],
    ['/api/inbound-hooks', { name: 'h', verification: 'github', secret_name: 'hook-secret' }],
  ])('in %s', async (path, body) => {
    await ask('POST', '/api/secrets', {
      name: 'hook-secret',
      value: 'a-secret-of-a-hook-0123456789',
    });
    const made = await ask('POST', path, { ...body, agent: 'development', agent_id: null });
    expect(made.status).toBe(201);
    const [agent] = await all(db.pool, `select howdah.agent('development') as id`);
    expect(made.body.agent_id).toBe(agent?.id);
    const again = await ask('PUT', `${path}/${made.body.id}`, made.body);
    expect([again.status, again.body.agent_id]).toEqual([200, agent?.id]);
    const unknown = await ask('POST', path, { ...body, agent: 'developmnt' });
    expect(unknown).toMatchObject({ status: 404, body: { agent: 'developmnt' } });
  });
});

describe('the configurations of providers', () => {
  const none = { llm_provider_config: {}, tts_provider_config: {}, stt_provider_config: {} };

  test('are none when they are empty', async () => {
    const made = await ask('POST', '/api/agents', { name: 'plain', ...none });
    expect(made).toMatchObject({ status: 201, body: { tts_provider_config: null } });
    const path = `/api/agents/${made.body.id}`;
    const tts_provider_config = { api_url: 'https://voice.example/v1', voice_id: 'v', model: 'm' };
    const spoken = await ask('PATCH', path, { tts_provider_config });
    expect(spoken.body.tts_provider_config).toMatchObject({ voice_id: 'v' });
    expect((await ask('PATCH', path, none)).body.tts_provider_config).toBe(null);
    await ask('PATCH', path, { tts_provider_config });
    const nulls = { provider: null, api_key: null, voice_id: null };
    const put = await ask('PUT', path, { name: 'plain', ...none, tts_provider_config: nulls });
    expect(put).toMatchObject({ status: 200, body: { tts_provider_config: null } });
  });

  test('of a host without an adapter are stored with a warning', async () => {
    const warnings = [expect.stringContaining('async.ai')];
    const made = await ask('POST', '/api/agents', {
      name: 'voice',
      tts_provider_config: { provider: 'async.ai', api_key: 'sk_0123456789', voice_id: 'v' },
      stt_provider_config: { provider: 'whisper.local', url: 'ws://whisper.example:8003' },
    });
    expect(made).toMatchObject({
      status: 400,
      body: { field: 'tts_provider_config.model' },
    });
    const stored = await ask('POST', '/api/agents', {
      name: 'voice',
      tts_provider_config: { provider: 'async.ai', voice_id: 'v', model_id: 'asyncflow_v2.0' },
      stt_provider_config: { provider: 'whisper.local', url: 'ws://whisper.example:8003' },
    });
    expect(stored).toMatchObject({
      status: 201,
      body: {
        tts_provider_config: { warnings },
        stt_provider_config: { warnings: [expect.stringContaining('WebSocket')] },
      },
    });
    const again = await ask('PUT', `/api/agents/${stored.body.id}`, stored.body);
    expect([again.status, again.body.tts_provider_config]).toEqual([
      200,
      stored.body.tts_provider_config,
    ]);
    const model = { name: 'speech', provider: 'async.ai', purpose: 'tts', model: 'x' };
    expect((await ask('POST', '/api/models', model)).body.warnings).toEqual(warnings);
    const text = { name: 'text', provider: 'llm.example', model: 'x' };
    expect((await ask('POST', '/api/models', text)).body.warnings).toEqual([]);
  });
});
