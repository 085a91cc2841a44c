import { afterAll, beforeAll, expect, test } from 'vitest';
import { hostileBodies, hostileYaml } from '../../rehearsals/support/hostile/bodies.ts';
import { allDoors, type Door } from '../../rehearsals/support/hostile/doors.ts';
import type { Api } from '../../src/api/server.ts';
import { startTestApi } from '../api/harness.ts';
import { locked, makePerson, tokenFor } from '../api/tokens.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

/** The rehearsal `hostile-bodies` in small: every door gets some of its bodies, none of which may be answered with 500. */

const BYTES = 40_000;
/** Of all bodies of a door, each N-th is sent. */
const EVERY = 61;

let db: TestDatabase;
let api: Api;
let token: string;
let doors: Door[];

beforeAll(async () => {
  db = await createTestDatabase();
  api = await startTestApi(db.url, locked);
  token = await tokenFor(await makePerson(db.pool, 'ada'), { role: 'owner' });
  await db.pool.query(`update howdah.users set role = 'owner' where username = 'ada'`);
  doors = await allDoors(api.url, token, { agent: 'development', ids: {} });
});
afterAll(async () => {
  await api?.close();
  await db?.drop();
});

test('every operation that takes a body is a door', async () => {
  const { paths } = (await (await fetch(`${api.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { requestBody?: unknown }>>;
  };
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { requestBody }]) => requestBody !== undefined)
      .map(([method]) => `${method.toUpperCase()} ${path}`),
  );
  const names = doors.map(({ name }) => name.replace(/ as .*/, ''));
  expect(described.length).toBeGreaterThan(30);
  expect(described.filter((one) => !names.includes(one))).toEqual([]);
  expect(names.filter((name) => name.startsWith('GraphQL mutation')).length).toBeGreaterThan(50);
  expect(names.filter((name) => /^(MCP|WebSocket)/.test(name)).length).toBeGreaterThan(5);
});

test('no body is longer than asked for, and each shape is there', () => {
  const good = { message: 'x', tags: ['a'], output_schema: { type: 'object' }, pattern: 'x' };
  const bodies = [...hostileBodies({ body: good, at: [] }, BYTES), ...hostileYaml(BYTES)];
  const long = bodies.filter(({ text }) => Buffer.byteLength(text) > BYTES);
  expect(long.map(({ what }) => what)).toEqual([]);
  const whats = bodies.map(({ what }) => what).join('\n');
  for (const shape of [
    'many keys',
    'lists deep',
    'repeated',
    'one key many times',
    'a JSON Schema',
    'an expression',
    'aliases of one anchor',
  ]) {
    expect(whats).toContain(shape);
  }
});

test('no hostile body is answered by a fault of the server', async () => {
  const faults: string[] = [];
  let sent = 0;
  for (const [seed, door] of doors.entries()) {
    const bodies = door.isYaml
      ? [...hostileYaml(BYTES)]
      : door.goods.flatMap((good) => [...hostileBodies(good, BYTES, seed)]);
    const some = [...(door.special ?? []), ...bodies].filter((_, n) => (n + seed) % EVERY === 0);
    for (const { what, text } of some) {
      const { status } = await door.send(text, token);
      sent += 1;
      if (status === 500) faults.push(`${door.name}: ${what}: ${status}`);
    }
  }
  expect(sent).toBeGreaterThan(doors.length);
  expect(faults).toEqual([]);
});
