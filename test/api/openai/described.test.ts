import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { figuresOn } from '../../../src/db/operations/metric-queries.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { type OpenAiFixture, openOpenAiFixture, WEATHER } from './support.ts';

// Compares the OpenAPI description of the endpoints beside REST with their responses.

let fixture: OpenAiFixture;
// biome-ignore lint/suspicious/noExplicitAny: any JSON
let document: any;
let ajv: Ajv2020;
beforeAll(async () => {
  fixture = await openOpenAiFixture();
  document = (await call(fixture.api, 'GET', '/openapi.json')).body;
  ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema({ $id: 'ours', ...forbidUndescribed(document) });
});
afterAll(() => fixture?.close());

/** Returns the schema with undeclared fields forbidden. */
// biome-ignore lint/suspicious/noExplicitAny: any JSON
function forbidUndescribed(node: any): any {
  if (Array.isArray(node)) return node.map(forbidUndescribed);
  if (node === null || typeof node !== 'object') return node;
  const closed = Object.fromEntries(
    Object.entries(node).map(([name, one]) => [name, forbidUndescribed(one)]),
  );
  const isOpen = closed.type === 'object' && closed.properties && !('additionalProperties' in node);
  return isOpen ? { ...closed, additionalProperties: false } : closed;
}

type Place = { method?: string; status?: string; type?: string };

/** Asserts that a value matches the described response of a path. */
function expectAnswer(path: string, value: unknown, place: Place = {}): void {
  const { method = 'get', status = '200', type = 'application/json' } = place;
  const names = ['paths', path, method, 'responses', status, 'content', type, 'schema'];
  const pointer = names.map((one) => one.replaceAll('~', '~0').replaceAll('/', '~1')).join('/');
  const schema = `ours#/${encodeURI(pointer).replaceAll('{', '%7B')}`;
  const validate = ajv.getSchema(schema);
  expect(validate, schema).toBeDefined();
  const isValid = validate?.(value);
  expect(isValid ? [] : [JSON.stringify(value), ...(validate?.errors ?? [])], path).toEqual([]);
}

async function linesOf(path: string, body: object): Promise<string[]> {
  const response = await fetch(`${fixture.api.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...body, stream: true }),
  });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const lines = (await response.text()).split('\n').filter((line) => line.startsWith('data: '));
  return lines.map((line) => line.slice('data: '.length));
}

const EVENTS = { method: 'post', type: 'text/event-stream' };
const makeAnsweringAgent = () =>
  fixture.agent((_request, messages) =>
    String(messages.at(-1)?.content).includes('weather')
      ? { content: 'I look.', tool_calls: [{ name: 'get_weather', arguments: { city: 'Oslo' } }] }
      : { content: 'It is a fine day.' },
  );
const makeFailingAgent = () => fixture.agent(() => ({ status: 400, error: { message: 'no' } }));

test('completions match the OpenAPI description, whole and streamed', async () => {
  const path = '/v1/chat/completions';
  const tools = [{ type: 'function', function: WEATHER }];
  const model = await makeAnsweringAgent();
  for (const content of ['Hello.', 'How is the weather?']) {
    const body = { model, messages: [{ role: 'user', content }], tools };
    expectAnswer(path, (await call(fixture.api, 'POST', path, body)).body, { method: 'post' });
    const lines = await linesOf(path, { ...body, stream_options: { include_usage: true } });
    expect(lines.pop()).toBe('[DONE]');
    for (const line of lines) expectAnswer(path, JSON.parse(line), EVENTS);
  }
  const broken = { model: await makeFailingAgent(), messages: [{ role: 'user', content: 'x' }] };
  const lines = await linesOf(path, broken);
  expect(lines.at(-1)).toContain('"error"');
  for (const line of lines) expectAnswer(path, JSON.parse(line), EVENTS);
});

test('responses and their events match the description', async () => {
  const path = '/v1/responses';
  const tools = [{ type: 'function', strict: true, ...WEATHER }];
  const [good, bad] = [await makeAnsweringAgent(), await makeFailingAgent()];
  for (const [model, input] of [
    [good, 'Hello.'],
    [good, 'How is the weather?'],
    [bad, 'Hello.'],
  ]) {
    const body = {
      model,
      input,
      tools,
      instructions: 'Be brief.',
      metadata: { a: 'b' },
      user: 'ada',
    };
    expectAnswer(path, (await call(fixture.api, 'POST', path, body)).body, { method: 'post' });
    const lines = await linesOf(path, body);
    expect(lines.length).toBeGreaterThanOrEqual(3);
    for (const line of lines) expectAnswer(path, JSON.parse(line), EVENTS);
  }
});

test('models and errors match the description', async () => {
  expectAnswer('/v1/models', (await call(fixture.api, 'GET', '/v1/models')).body);
  const one = '/v1/models/{model}';
  expectAnswer(one, (await call(fixture.api, 'GET', '/v1/models/development')).body);
  const missing = await call(fixture.api, 'GET', '/v1/models/nobody');
  expect(missing.status).toBe(404);
  expectAnswer(one, missing.body, { status: 'default' });
  for (const path of ['/v1/chat/completions', '/v1/responses']) {
    const { status, body } = await call(fixture.api, 'POST', path, { model: 'development' });
    expect(status).toBe(400);
    expectAnswer(path, body, { method: 'post', status: 'default' });
  }
});

test('server endpoints match the description and require no tenant login', async () => {
  expectAnswer('/healthz', (await call(fixture.api, 'GET', '/healthz')).body);
  expectAnswer('/readyz', (await call(fixture.api, 'GET', '/readyz')).body);
  const metrics = createMetrics(figuresOn(fixture.db.pool));
  const watched = await startTestApi(fixture.db.url, { metrics, metricsToken: 'a-token' });
  try {
    const { headers, body } = await call(watched, 'GET', '/metrics', undefined, {
      token: 'a-token',
    });
    expect(headers.get('content-type')).toMatch(/^text\/plain/);
    expectAnswer('/metrics', body, { type: 'text/plain' });
    const shut = await call(watched, 'GET', '/metrics');
    expect(shut.status).toBe(401);
    expect(shut.body).toMatchObject({ code: 'HWDEN', hint: expect.any(String) });
  } finally {
    await watched.close();
  }
  const { paths, components } = document;
  expect(paths['/healthz'].get.security).toEqual([]);
  expect(paths['/readyz'].get.security).toEqual([]);
  expect(paths['/metrics'].get.security).toEqual([{ metrics: [] }]);
  expect(Object.keys(components.securitySchemes)).toEqual(['bearer', 'metrics']);
});

test('an invalid value fails the check', () => {
  const none = { object: 'list', data: [], more: true };
  expect(() => expectAnswer('/v1/models', none)).toThrow();
  expect(() => expectAnswer('/v1/models', { object: 'list' })).toThrow();
});
