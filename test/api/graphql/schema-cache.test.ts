import { afterAll, beforeAll, expect, test } from 'vitest';
import { schemaOf } from '../../../src/api/graphql/schema-cache.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { createPool, type Pool } from '../../../src/db/connection/pool.ts';
import { makeAgent } from '../../sql/support.ts';
import { type TestDatabase, testDatabase } from '../../support/database.ts';
import { ask, startTestApi } from '../harness.ts';

const first = testDatabase();
const second = testDatabase();
const apis: ApiServer[] = [];
const pools = new Map<TestDatabase, Pool>();

beforeAll(() => {
  for (const db of [first, second]) pools.set(db, openAs(db));
});

afterAll(async () => {
  await Promise.all(apis.map((api) => api.close()));
  await Promise.all([...pools.values()].map((pool) => pool.end()));
});

function openAs({ url }: TestDatabase): Pool {
  return createPool({ url, applicationName: 'test', role: 'howdah_authenticator', max: 2 });
}

const schema = (db: TestDatabase) => schemaOf(pools.get(db) as Pool);

async function start(db: TestDatabase): Promise<ApiServer> {
  const api = await startTestApi(db.url);
  apis.push(api);
  return api;
}

test('databases of the same shape share a schema, and each returns its own rows', async () => {
  const names = ['of the first', 'of the second'];
  await makeAgent(first.pool, { name: names[0] });
  await makeAgent(second.pool, { name: names[1] });
  const servers = [await start(first), await start(second)];
  expect(await schema(second)).toBe(await schema(first));
  const query =
    'query ($name: String!) { agents(filter: {name: {equalTo: $name}}) { nodes { name } } }';
  for (const [at, api] of servers.entries()) {
    for (const [owner, name] of names.entries()) {
      const { data, errors } = await ask(api, query, { name });
      expect(errors).toEqual([]);
      expect(data.agents.nodes).toEqual(owner === at ? [{ name }] : []);
    }
  }
});

test('rows, statistics and unrelated roles do not change the schema', async () => {
  const before = await schema(first);
  const role = `unrelated_${Date.now()}_${process.pid}`;
  const client = await first.pool.connect();
  try {
    await client.query(`create role ${role}; grant howdah_app to ${role}`);
    await client.query('vacuum analyze howdah.agents');
    expect(await schema(first)).toBe(before);
  } finally {
    await client.query(`drop role ${role}`);
    client.release(true);
  }
});

test('a new partition changes no schema', async () => {
  const [before, own] = [await schema(first), await schema(second)];
  const partitions = async () =>
    (await second.pool.query('select count(*)::int as n from pg_inherits')).rows[0].n;
  const count = await partitions();
  await second.pool.query('select howdah_private.ensure_partitions()');
  expect(await partitions()).toBeGreaterThan(count);
  expect(own).toBe(before);
  expect(await schema(second)).toBe(before);
});

test('a database of another shape gets its own schema', async () => {
  const before = await schema(first);
  await second.pool.query(`alter table howdah.agents add column shoe_size int;
    grant select (shoe_size) on howdah.agents to howdah_app`);
  const [old, changed] = [await start(first), await start(second)];
  expect(await schema(first)).toBe(before);
  expect(await schema(second)).not.toBe(before);
  const query = '{ agents { nodes { shoeSize } } }';
  const answer = await ask(changed, query);
  expect(answer.errors).toEqual([]);
  expect(answer.data.agents.nodes).not.toEqual([]);
  const { errors } = await ask(old, query);
  expect(errors).toMatchObject([{ message: expect.stringContaining('shoeSize') }]);
});

test('privileges of the reading role are part of the shape, and two schemas are cached', async () => {
  const [before, changed] = [await schema(first), await schema(second)];
  await second.pool.query(`do $$ begin
    execute (
      select 'revoke select on howdah.agents from howdah_app; grant select ('
        || string_agg(quote_ident(a.attname), ', ') || ') on howdah.agents to howdah_app'
      from pg_attribute as a where a.attrelid = 'howdah.agents'::regclass and a.attnum > 0
        and not a.attisdropped and a.attname <> 'shoe_size');
  end $$`);
  const revoked = await schema(second);
  expect(revoked).not.toBe(changed);
  expect(
    revoked
      .toConfig()
      .types.find(({ name }) => name === 'Agent')
      ?.toConfig(),
  ).toMatchObject({
    fields: expect.not.objectContaining({ shoeSize: expect.anything() }),
  });
  const [again, together] = await Promise.all([schema(first), schema(first)]);
  expect(again).not.toBe(before);
  expect(together).toBe(again);
  expect(await schema(second)).toBe(revoked);
});
