import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeApiKey, makeTenant, one } from '../../sql/support.ts';
import { makePerson } from '../subscriptions/tokens.ts';
import {
  locked,
  type OpenAiFixture,
  openOpenAiFixture,
  startTestApi,
  tokenFor,
} from './support.ts';

let fixture: OpenAiFixture;
/** An API that requires a login. */
let api: ApiServer;
let tenant: string;
let other: string;
beforeAll(async () => {
  fixture = await openOpenAiFixture();
  api = await startTestApi(fixture.db.url, locked);
  tenant = (await one(fixture.db.pool, 'select howdah.current_tenant() as id')).id;
  other = await makeTenant(fixture.db.pool);
});
afterAll(async () => {
  await api?.close();
  await fixture?.close();
});

const messages = [{ role: 'user' as const, content: 'Hello.' }];
const makeClient = async (values: object = {}, of = tenant) =>
  fixture.clientOf((await makeApiKey(fixture.db.pool, of, values)).key, api);
const complete = (client: OpenAI, model: string) =>
  client.chat.completions.create({ model, messages });
async function post(path: string, body: string, headers: Record<string, string> = {}) {
  const response = await fetch(`${fixture.api.url}/v1/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
  return { status: response.status, body: (await response.json()) as { error: object } };
}

describe('models', () => {
  test('are the agents and workflows that the caller may run', async () => {
    const model = await fixture.agent(() => ({ content: 'Hi.' }));
    await makeAgent(fixture.db.pool, { name: 'not-for-members', is_restricted: true });
    await makeAgent(fixture.db.pool, { name: 'asleep', is_active: false });
    await fixture.db.pool.query(
      `insert into howdah.workflows (name, type) values ('both', 'chain'), ('team of two', 'chain')`,
    );
    await makeAgent(fixture.db.pool, { name: 'both' });
    const listModels = async (client: OpenAI) => {
      const names = [];
      for await (const { id } of client.models.list()) names.push(id);
      return names;
    };
    const all = await listModels(await makeClient({ role: 'admin' }));
    expect(all).toContain(model);
    expect(all).toContain('team of two');
    expect(all).toContain('not-for-members');
    expect(all).not.toContain('asleep');
    expect(all.filter((name) => name === 'both')).toEqual(['both']);
    const member = await makeClient();
    expect(await listModels(member)).not.toContain('not-for-members');
    expect(await listModels(await makeClient({ role: 'viewer' }))).toEqual([]);
    expect(await member.models.retrieve('team of two')).toEqual({
      id: 'team of two',
      object: 'model',
      created: expect.any(Number),
      owned_by: 'howdah',
    });
  });

  test('of another tenant or missing are not found by any endpoint', async () => {
    const foreign = await makeAgent(fixture.db.pool, { name: 'theirs', tenant_id: other });
    expect(foreign).toBeTruthy();
    const client = await makeClient();
    const messageFor = async (name: string) => {
      const refusals = [];
      for (const request of [
        () => client.models.retrieve(name),
        () => complete(client, name),
        () => client.responses.create({ model: name, input: 'Hello.' }),
      ]) {
        const error = await Promise.resolve(request()).then(
          () => undefined,
          (thrown) => thrown,
        );
        expect(error).toBeInstanceOf(OpenAI.NotFoundError);
        expect(error).toMatchObject({
          code: 'model_not_found',
          param: 'model',
          type: 'invalid_request_error',
        });
        refusals.push(error.message.replaceAll(name, 'NAME'));
      }
      return refusals;
    };
    expect(await messageFor('theirs')).toEqual(await messageFor('nobody'));
  });
});

describe('authentication', () => {
  test('accepts a token or a key, and returns 401 without one or with an invalid one', async () => {
    const model = await fixture.agent(() => ({ content: 'Hi.' }));
    const person = await makePerson(fixture.db.pool, 'ada');
    const client = fixture.clientOf(await tokenFor(person), api);
    const completion = await complete(client, model);
    expect(completion.choices[0]?.message.content).toBe('Hi.');
    expect(
      await one(
        fixture.db.pool,
        'select user_id from howdah.executions where agent_id = howdah.agent($1)',
        [model],
      ),
    ).toEqual({ user_id: person.user_id });
    const outsider = complete(fixture.clientOf('sk-nobody', api), model);
    await expect(outsider).rejects.toMatchObject({ status: 401, code: 'invalid_api_key' });
    const nobody = await fetch(`${api.url}/v1/models`);
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer');
  });

  test('accepts any key where no login is required, except an invalid Howdah key or token', async () => {
    const model = await fixture.agent(() => ({ content: 'Hi.' }));
    expect((await complete(fixture.clientOf('sk-any'), model)).object).toBe('chat.completion');
    for (const bad of ['hwd_abc', 'a.b.c']) {
      await expect(complete(fixture.clientOf(bad), model)).rejects.toMatchObject({ status: 401 });
    }
  });

  test('a viewer cannot run, and a restricted agent needs a grant', async () => {
    const model = await fixture.agent(() => ({ content: 'Hi.' }));
    const secret = await fixture.agent(() => ({ content: 'Hi.' }), { is_restricted: true });
    const viewer = await makeClient({ role: 'viewer' });
    const refused = { status: 403, type: 'permission_error', code: 'HWDEN' };
    await expect(complete(viewer, model)).rejects.toMatchObject(refused);
    await expect(viewer.responses.create({ model, input: 'Hello.' })).rejects.toMatchObject(
      refused,
    );
    await expect(complete(await makeClient(), secret)).rejects.toMatchObject({ status: 404 });
    expect(fixture.messagesOf(model)).toEqual([]);
  });

  test("another caller's responses cannot be continued, nor their calls answered", async () => {
    const calling = await fixture.agent(() => ({
      tool_calls: [{ name: 'get_weather', arguments: {} }],
    }));
    const owner = await makeClient({ role: 'owner' });
    const response = await owner.responses.create({
      model: calling,
      input: 'Hello.',
      tools: [{ type: 'function', name: 'get_weather', strict: false, parameters: {} }],
    });
    const [call] = response.output;
    const callId = call?.type === 'function_call' ? call.call_id : '';
    expect(callId).toMatch(/^call_[0-9a-f]{32}$/);
    const outsider = await makeClient({ role: 'owner' }, other);
    const { name } = await one(
      fixture.db.pool,
      `select name from howdah.agents where tenant_id = $1 order by name limit 1`,
      [other],
    );
    const continueResponse = (id: string) =>
      outsider.responses.create({ model: name, input: 'On.', previous_response_id: id });
    const result = (call_id: string) =>
      outsider.responses.create({
        model: name,
        input: [{ type: 'function_call_output', call_id, output: 'dry' }],
      });
    const missingId = '0'.repeat(32);
    const errorOf = async (asking: Promise<unknown>) => {
      const error = await asking.then(
        () => ({}),
        (thrown) => thrown,
      );
      const { status, code, param, message } = error;
      return { status, code, param, message: message.replaceAll(/[0-9a-f-]{32,36}/g, 'ID') };
    };
    expect(await errorOf(continueResponse(response.id))).toEqual(
      await errorOf(continueResponse(`resp_${missingId}`)),
    );
    expect(await errorOf(continueResponse(response.id))).toMatchObject({
      status: 400,
      code: 'previous_response_not_found',
      param: 'previous_response_id',
    });
    expect(await errorOf(result(callId))).toEqual(await errorOf(result(`call_${missingId}`)));
    expect(await errorOf(result(callId))).toMatchObject({ status: 404 });
  });

  test('a request beyond a quota gets a retry time', async () => {
    const poor = await makeTenant(fixture.db.pool);
    await fixture.db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
       values ($1, 'tenant', 'runs', 'day', 0)`,
      [poor],
    );
    await makeAgent(fixture.db.pool, { name: 'helper', tenant_id: poor });
    const client = await makeClient({ role: 'owner' }, poor);
    const error = await complete(client, 'helper').then(
      () => undefined,
      (thrown) => thrown,
    );
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    expect(error).toMatchObject({ type: 'rate_limit_error', code: 'rate_limit_exceeded' });
    expect(Number(error.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

describe('requests', () => {
  const error = (param: string | null, message: RegExp | string) => ({
    type: 'invalid_request_error',
    param,
    message: expect.stringMatching(message),
    code: expect.any(String),
  });
  const hello = { model: 'development', messages };

  test.each([
    ['chat/completions', '{', null, /not valid JSON/],
    ['chat/completions', '[]', 'body', /not a JSON object/],
    ['chat/completions', JSON.stringify({ messages }), 'model', /model is missing/],
    ['chat/completions', JSON.stringify({ model: 'x', messages: [] }), 'messages', /messages/],
    [
      'chat/completions',
      JSON.stringify({ model: 5, messages }),
      'model',
      /^model: expected string, received number$/,
    ],
    [
      'chat/completions',
      JSON.stringify({ ...hello, messages: [{ role: 'wizard', content: 'a' }] }),
      'messages[0].role',
      /^messages\[0\].role: expected system or developer or user or assistant or tool$/,
    ],
    [
      'chat/completions',
      JSON.stringify({ ...hello, messages: [{ role: 'user' }] }),
      'messages[0].content',
      /^messages\[0\].content is missing$/,
    ],
    ['chat/completions', JSON.stringify({ ...hello, n: 2 }), 'n', /one answer/],
    [
      'chat/completions',
      JSON.stringify({ ...hello, tool_choice: 'required' }),
      'tool_choice',
      /agent decides/,
    ],
    [
      'chat/completions',
      JSON.stringify({ ...hello, response_format: { type: 'json_object' } }),
      'response_format',
      /output_schema/,
    ],
    [
      'chat/completions',
      JSON.stringify({ ...hello, messages: [{ role: 'assistant', content: 'a' }] }),
      'messages[0].role',
      /last message/,
    ],
    [
      'chat/completions',
      JSON.stringify({ ...hello, messages: [{ role: 'user', content: 'a\u0000' }] }),
      'messages.0.content',
      /U\+0000/,
    ],
    ['responses', JSON.stringify({ model: 'development' }), 'input', /^input is missing$/],
    [
      'responses',
      JSON.stringify({ model: 'development', input: 5 }),
      'input',
      /^input: expected string or array, received number$/,
    ],
    [
      'responses',
      JSON.stringify({ model: 'development', input: 'a', background: true }),
      'background',
      /background responses/,
    ],
    [
      'responses',
      JSON.stringify({ model: 'development', input: 'a', tools: [{ type: 'web_search' }] }),
      'tools[0].type',
      /type function/,
    ],
    [
      'responses',
      JSON.stringify({ model: 'development', input: 'a', previous_response_id: 'resp_1' }),
      'previous_response_id',
      /no response/,
    ],
  ])('%s %s is rejected with the field', async (path, body, param, message) => {
    const refused = await post(path, body);
    expect(refused).toEqual({ status: 400, body: { error: error(param, message) } });
  });

  test('too large, of another type, or with an invalid header are rejected', async () => {
    const large = JSON.stringify({ ...hello, user: 'x'.repeat(5_000_000) });
    expect(await post('chat/completions', large)).toMatchObject({ status: 413 });
    const form = { 'content-type': 'text/plain' };
    expect(await post('chat/completions', '{}', form)).toMatchObject({ status: 415 });
    const header = { 'x-howdah-on-disconnect': 'explode' };
    expect(await post('chat/completions', JSON.stringify(hello), header)).toMatchObject({
      status: 400,
    });
    const { count } = await one(
      fixture.db.pool,
      `select count(*)::int as count from howdah.executions where agent_id = howdah.agent('development')`,
    );
    expect(count).toBe(0);
  });

  test('with a known Idempotency-Key return the answer of the first run', async () => {
    const model = await fixture.agent(() => ({ content: 'Once.' }));
    const send = () =>
      post('chat/completions', JSON.stringify({ model, messages }), { 'idempotency-key': 'k-1' });
    const [first, second] = [await send(), await send()];
    expect(first.status).toBe(200);
    expect(second).toEqual(first);
    expect(fixture.messagesOf(model)).toHaveLength(1);
  });

  test('with the Idempotency-Key of a different request are rejected', async () => {
    const model = await fixture.agent(() => ({ content: 'Once.' }));
    const key = { 'idempotency-key': 'k-2' };
    const send = (path: string, body: object) =>
      post(path, JSON.stringify({ model, ...body }), key);
    expect(await send('responses', { input: 'One.' })).toMatchObject({ status: 200 });
    const error = { code: 'HWCNF', type: 'conflict_error', param: 'Idempotency-Key' };
    const other = { status: 409, body: { error } };
    expect(await send('responses', { input: 'Two.' })).toMatchObject(other);
    expect(await send('chat/completions', { messages })).toMatchObject(other);
    expect(fixture.messagesOf(model)).toHaveLength(1);
  });
});

describe('unknown endpoints', () => {
  test.each([
    ['GET', '/v1', 404, 'unknown_url'],
    ['POST', '/v1/embeddings', 404, 'unknown_url'],
    ['GET', '/v1/chat', 404, 'unknown_url'],
    ['GET', '/v1/chat/completions', 405, 'method_not_supported'],
    ['DELETE', '/v1/models/development', 405, 'method_not_supported'],
    ['PUT', '/v1/responses', 405, 'method_not_supported'],
  ])('%s %s is an OpenAI error', async (method, path, status, code) => {
    const response = await fetch(`${fixture.api.url}${path}`, { method });
    expect(await response.json()).toEqual({
      error: {
        message: expect.stringContaining(path),
        type: 'invalid_request_error',
        param: null,
        code,
      },
    });
    expect(response.status).toBe(status);
    expect(response.headers.has('allow')).toBe(status === 405);
  });

  test('make the official client throw the matching error', async () => {
    const request = fixture.client.embeddings.create({ model: 'x', input: 'y' });
    await expect(request).rejects.toMatchObject({ status: 404, code: 'unknown_url' });
  });
});

test('a page of an allowed origin may use the official client and read the answer', async () => {
  const origin = 'https://app.example';
  const open = await startTestApi(fixture.db.url, { ...locked, corsOrigins: [origin] });
  const sent: Request[] = [];
  const { key } = await makeApiKey(fixture.db.pool, tenant, {});
  const client = new OpenAI({
    apiKey: key,
    baseURL: `${open.url}/v1`,
    organization: 'ours',
    dangerouslyAllowBrowser: true,
    defaultHeaders: { 'X-Howdah-On-Disconnect': 'cancel' },
    fetch: (input, init) => {
      const request = new Request(input, init);
      request.headers.set('origin', origin);
      sent.push(request.clone());
      return fetch(request);
    },
  });
  const model = await fixture.agent(() => ({ content: 'Hi.' }));
  await complete(client, model);
  const [request] = sent as [Request];
  const browserOwn = ['accept', 'origin', 'user-agent'];
  const names = [...request.headers.keys()].filter((name) => !browserOwn.includes(name));
  const preflight = await fetch(request.url, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': [...names, 'x-evil'].join(','),
    },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
  const allowed = preflight.headers.get('access-control-allow-headers')?.toLowerCase().split(', ');
  expect(allowed).toEqual(expect.arrayContaining(names));
  expect(names.some((name) => name.startsWith('x-stainless-'))).toBe(true);
  expect(allowed).not.toContain('x-evil');
  await open.close();
});
