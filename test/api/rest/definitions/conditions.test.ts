import { Environment } from '@marcbachmann/cel-js';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import type { JsonObject } from '../../../../src/json/json.ts';
import { one } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { ask, startTestApi } from '../../harness.ts';
import { masterKeys, storeSecrets } from '../../inbound/support.ts';
import { call } from '../call.ts';

// Conditions of a request are bounded before they are parsed, and parsed in a thread when they are
// long, so that no request keeps the event loop of the API.

const db = testDatabase();
let api: ApiServer;
const parse = vi.spyOn(Environment.prototype, 'parse');
/** The most characters that a request may have parsed on the event loop. */
const MAX_PARSED = 5_000;
let made = 0;

beforeAll(async () => {
  api = await startTestApi(db.url, { masterKeys });
  await storeSecrets(db.pool, (await one(db.pool, 'select howdah.current_tenant() as id')).id);
});
afterEach(() => parse.mockClear());
afterAll(async () => {
  await api?.close();
});

const parsedHere = () => parse.mock.calls.reduce((sum, [{ length }]) => sum + length, 0);

/** A condition of about so many characters, which is different each time. */
const condition = (length: number) =>
  Array.from({ length: length / 10 }, () => {
    made += 1;
    return `x${String(made).padStart(6, '0')}`;
  }).join('||');

function graph(edges: number, length: number) {
  made += 1;
  return {
    name: `g${made}`,
    type: 'graph',
    members: [
      { agent: 'development', role: 'a' },
      { agent: 'development', role: 'b' },
    ],
    configuration: {
      edges: Array.from({ length: edges }, () => ({ from: 'a', to: 'b', when: condition(length) })),
    },
  };
}

describe('the conditions of a workflow', () => {
  test('within their bounds are parsed in a thread', async () => {
    const { status, body } = await call(api, 'POST', '/api/workflows', graph(200, 490));
    expect(status, JSON.stringify(body)).toBe(201);
    expect(parsedHere()).toBeLessThanOrEqual(MAX_PARSED);
  });

  test('are refused with the field of the first that is wrong', async () => {
    const wrong = graph(150, 490);
    (wrong.configuration.edges[149] as { when: string }).when = 'output ==';
    const { status, body } = await call(api, 'POST', '/api/workflows', wrong);
    expect({ status, code: body.code, field: body.field }).toEqual({
      status: 400,
      code: 'HWINV',
      field: 'configuration.edges[149].when',
    });
    expect(parsedHere()).toBeLessThanOrEqual(MAX_PARSED);
  });

  test.each([
    ['together', 200, 4_900],
    ['in 4 MB', 840, 4_900],
    ['of one node', 201, 10],
  ])('that are too many are not parsed: %s', async (_how, edges, length) => {
    const large = graph(edges, length);
    const { status, body } = await call(api, 'POST', '/api/workflows', large);
    expect({ status, code: body.code, field: body.field }).toEqual({
      status: 400,
      code: 'HWINV',
      field: 'configuration',
    });
    expect(parsedHere()).toBe(0);
  });

  test('that are too many are refused at every door', async () => {
    const { configuration, members } = graph(201, 10);
    const { errors } = await ask(
      api,
      `mutation ($configuration: JSON!) { createWorkflow(input: { workflow: {
         name: "many", type: graph, configuration: $configuration } }) { workflow { id } } }`,
      { configuration },
    );
    expect(errors).toMatchObject([
      { message: expect.stringContaining('201 outgoing edges'), extensions: { code: 'HWINV' } },
    ]);
    const workflows = { many: { type: 'graph', members, configuration } };
    const file = await call(api, 'POST', '/agent-systems', { version: 'v1', name: 'f', workflows });
    expect(file).toMatchObject({ status: 400, body: { code: 'HWINV' } });
    const put = await call(api, 'POST', '/api/workflows', graph(1, 10));
    const place = `/api/workflows/${put.body.id}`;
    expect(await call(api, 'PATCH', place, { configuration })).toMatchObject({ status: 400 });
  });
});

test('the expressions of an inbound hook are parsed in a thread', async () => {
  const mapping: JsonObject = {};
  for (const field of ['input', 'agent', 'input_data', 'metadata', 'delivery_id']) {
    mapping[field] = condition(3_900);
  }
  const hook = { name: 'h', agent: 'development', verification: 'github', secret_name: 'github' };
  const { status, body } = await call(api, 'POST', '/api/inbound-hooks', { ...hook, mapping });
  expect(status, JSON.stringify(body)).toBe(201);
  expect(parsedHere()).toBeLessThanOrEqual(MAX_PARSED);
  const wrong = { ...mapping, delivery_id: 'body.(' };
  const refused = await call(api, 'PATCH', `/api/inbound-hooks/${body.id}`, { mapping: wrong });
  expect(refused).toMatchObject({ status: 400, body: { field: 'mapping.delivery_id' } });
});
