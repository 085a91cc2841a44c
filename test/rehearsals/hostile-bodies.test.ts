import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostileBodies, hostileYaml } from '../../deploy/rehearsals/support/hostile/bodies.ts';
import type { Endpoint } from '../../deploy/rehearsals/support/hostile/endpoint.ts';
import { allEndpoints } from '../../deploy/rehearsals/support/hostile/endpoints.ts';
import { createFixtures } from '../../deploy/rehearsals/support/hostile/fixtures.ts';
import type { ApiServer } from '../../src/api/server.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../api/subscriptions/tokens.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

// A small version of the rehearsal `hostile-bodies`: each endpoint gets some of the bodies, and no
// answer may be a 500.

const BYTES = 40_000;
/** Only each N-th body of an endpoint is sent. */
const EVERY = 61;

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
let token: string;
let endpoints: Endpoint[];

beforeAll(async () => {
  // a body that the server accepts may be answered at the end of its run only
  worker = await startTestWorker(db.url, { mcpCommands: [] });
  api = await startTestApi(db.url, tokenOptions);
  token = await tokenFor(await makePerson(db.pool, 'ada'), { role: 'owner' });
  await db.pool.query(`update howdah.users set role = 'owner' where username = 'ada'`);
  endpoints = await allEndpoints(api.url, token, await createFixtures(api.url, token));
});
afterAll(async () => {
  await api?.close();
  await worker?.stop(1_000);
});

test('every operation with a request body is a tested endpoint', async () => {
  const { paths } = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { requestBody?: unknown }>>;
  };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { requestBody }]) => requestBody !== undefined)
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  const names = endpoints.map(({ name }) => name.replace(/ as .*/, ''));
  expect(described.length).toBeGreaterThan(30);
  expect(described.filter((one) => !names.includes(one))).toEqual([]);
  expect(names.filter((name) => name.startsWith('GraphQL mutation')).length).toBeGreaterThan(50);
  expect(names.filter((name) => /^(MCP|WebSocket)/.test(name)).length).toBeGreaterThan(5);
});

test('no body exceeds the limit, and every shape exists', () => {
  const body = { message: 'x', tags: ['a'], output_schema: { type: 'object' }, pattern: 'x' };
  const bodies = [...hostileBodies({ body, path: [] }, BYTES), ...hostileYaml(BYTES)];
  const long = bodies.filter(({ text }) => Buffer.byteLength(text) > BYTES);
  expect(long.map(({ shape }) => shape)).toEqual([]);
  const shapes = bodies.map(({ shape }) => shape).join('\n');
  for (const shape of [
    'many keys',
    'lists deep',
    'repeated',
    'one key many times',
    'a JSON Schema',
    'an expression',
    'aliases of one anchor',
  ]) {
    expect(shapes).toContain(shape);
  }
});

test('no hostile body causes a server error', async () => {
  const faults: string[] = [];
  let sent = 0;
  for (const [seed, endpoint] of endpoints.entries()) {
    const bodies = endpoint.isYaml
      ? [...hostileYaml(BYTES)]
      : endpoint.templates.flatMap((template) => [...hostileBodies(template, BYTES, seed)]);
    const some = [...(endpoint.ownBodies ?? []), ...bodies].filter(
      (_, n) => (n + seed) % EVERY === 0,
    );
    for (const { shape, text } of some) {
      const { status } = await endpoint.send(text, token);
      sent += 1;
      if (status === 500) faults.push(`${endpoint.name}: ${shape}: ${status}`);
    }
  }
  expect(sent).toBeGreaterThan(endpoints.length);
  expect(faults).toEqual([]);
});
