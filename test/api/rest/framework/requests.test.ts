import { request } from 'node:http';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { testDatabase } from '../../../support/database.ts';
import { type Answer, startTestApi, until } from '../../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

const db = testDatabase();
let api: ApiServer;
beforeAll(async () => {
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
});

describe('the OpenAPI description', () => {
  let description: Answer;
  beforeAll(async () => {
    description = (await call(api, 'GET', '/openapi.json')).body;
  });
  const operations = (): Answer[] =>
    Object.values(description.paths).flatMap((methods) => Object.values(methods as object));

  test('has unique operation ids and every path parameter', () => {
    const names = operations().map(({ operationId }) => operationId);
    expect(new Set(names).size).toBe(names.length);
    expect(names.length).toBeGreaterThan(70);
    for (const [path, methods] of Object.entries<Answer>(description.paths)) {
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const one of Object.values<Answer>(methods)) {
        const pathParameters = (one.parameters ?? []).filter((each: Answer) => each.in === 'path');
        expect(
          pathParameters.map(({ name }: Answer) => name),
          path,
        ).toEqual(wanted);
      }
    }
  });

  test('references only existing schemas, all of them valid', () => {
    const text = JSON.stringify(description);
    const refs = new Set(
      [...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, one]) => one),
    );
    const { schemas } = description.components;
    expect([...refs].filter((name) => !((name as string) in schemas))).toEqual([]);
    const ajv = new Ajv2020({ strict: false });
    formats.default(ajv);
    for (const [name, schema] of Object.entries<Answer>(schemas)) {
      expect(
        () => ajv.compile({ ...schema, components: description.components }),
        name,
      ).not.toThrow();
    }
  });

  test('has the names of other systems that bodies and queries accept', () => {
    const bodyOf = (path: string) =>
      description.paths[path].post.requestBody.content['application/json'].schema;
    expect(bodyOf('/api/models').properties.api_url).toMatchObject({
      type: ['string', 'null'],
      description: 'Another name of `base_url`',
    });
    const { properties, required, allOf } = bodyOf('/query');
    expect(Object.keys(properties)).toEqual(
      expect.arrayContaining(['question', 'message', 'input', 'user_input']),
    );
    expect(required).toEqual([]);
    const valid = new Ajv2020({ strict: false }).compile(bodyOf('/query'));
    expect([valid({ user_input: 'Hi' }), valid({ question: 'Hi' }), valid({})]).toEqual([
      true,
      true,
      false,
    ]);
    expect(allOf).toHaveLength(1);
    const names = description.paths['/api/agents'].get.parameters.map(({ name }: Answer) => name);
    expect(names).toEqual(expect.arrayContaining(['is_active', 'active']));
  });

  test('is public, even where a login is required', async () => {
    const shut = await startTestApi(db.url, tokenOptions);
    expect((await call(shut, 'GET', '/openapi.json')).status).toBe(200);
    expect((await call(shut, 'GET', '/docs')).status).toBe(200);
    expect((await call(shut, 'GET', '/api/agents')).status).toBe(401);
    await shut.close();
  });
});

test('without a login, a foreign Host or Origin is rejected', async () => {
  const { port } = api;
  const status = (headers: Record<string, string>) =>
    new Promise((resolve) => {
      const path = '/api/agents';
      request({ port, host: '127.0.0.1', path, headers }, (response) => {
        response.resume();
        resolve(response.statusCode);
      }).end();
    });
  expect(await status({ host: 'evil.example' })).toBe(403);
  expect(await status({ origin: 'https://evil.example' })).toBe(403);
  expect(await status({})).toBe(200);
});

test('a request beyond a quota gets 429 with Retry-After', async () => {
  const shut = await startTestApi(db.url, tokenOptions);
  const person = await makePerson(db.pool, 'ada');
  const token = await tokenFor(person);
  await db.pool.query(
    `insert into howdah.limits (scope, subject_id, metric, period, max_value) values ('user', $1, 'requests', 'month', 2)`,
    [person.user_id],
  );
  let last: Answer;
  await until(async () => {
    last = await call(shut, 'GET', '/api/agents', undefined, { token });
    return last.status === 429;
  });
  expect(last.body).toMatchObject({ code: 'HWQTA', metric: 'requests' });
  expect(Number(last.headers.get('retry-after'))).toBeGreaterThan(0);
  await shut.close();
});

test('a run beyond a quota is rejected with the same code', async () => {
  await db.pool.query(
    `insert into howdah.limits (scope, metric, period, max_value) values ('tenant', 'runs', 'month', 1)`,
  );
  const execute = () => call(api, 'POST', '/api/execute', { agent: 'development', message: 'x' });
  const all = [await execute(), await execute()];
  expect(all.map(({ status }) => status)).toEqual([202, 429]);
  expect(all[1]?.body).toMatchObject({ code: 'HWQTA' });
  expect(Number(all[1]?.headers.get('retry-after'))).toBeGreaterThan(0);
});
