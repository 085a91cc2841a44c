import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { runCli } from '../../cli/run-cli.ts';
import { makeAgent, makeRun } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { ask, follow, openSocket, startTestApi, until } from '../harness.ts';

// The filter of lists by a row of a table: the same runs in GraphQL, REST, live lists and commands.

type Page = { data: { id: string }[] };

const REF = 'shop.orders:4711';
const ROW = { table: 'shop.orders', row: { id: 4711 } };

const db = testDatabase();
let api: ApiServer;
let agent_id: string;
let ids: string[];

beforeAll(async () => {
  api = await startTestApi(db.url, { listPollMs: 20 });
  agent_id = await makeAgent(db.pool);
  const first = await makeRun(db.pool, { agent_id, metadata: ROW });
  await makeRun(db.pool, { agent_id, metadata: { ...ROW, row: { id: 4712 } } });
  ids = [await makeRun(db.pool, { agent_id, metadata: ROW }), first];
});
afterAll(async () => {
  await api?.close();
});

const RUNS = `query ($filter: ExecutionFilter) {
  executions(filter: $filter, orderBy: [ID_DESC]) { nodes { id } }
}`;
const idsOf = async (filter: object) => {
  const { data, errors } = await ask(api, RUNS, { filter });
  expect(errors).toEqual([]);
  return data.executions.nodes.map(({ id }: { id: string }) => id);
};

test('GraphQL finds the runs of a row, alone and within other conditions', async () => {
  expect(await idsOf({ ref: REF })).toEqual(ids);
  expect(await idsOf({ or: [{ ref: REF }, { ref: 'orders:4713' }] })).toEqual(ids);
  expect(await idsOf({ ref: REF, not: { id: { equalTo: ids[0] } } })).toEqual([ids[1]]);
  expect(await idsOf({ ref: null, not: { ref: REF } })).toHaveLength(1);
  const { errors } = await ask(api, RUNS, { filter: { ref: 'orders' } });
  expect(errors[0]?.extensions).toMatchObject({ code: 'HWINV', detail: { field: 'ref' } });
});

test('REST finds the runs of a row', async () => {
  const listed = await fetch(`${api.url}/api/executions?ref=${REF}`);
  expect(((await listed.json()) as Page).data.map(({ id }) => id)).toEqual(ids);
  const refused = await fetch(`${api.url}/api/executions?ref=orders`);
  expect([refused.status, await refused.json()]).toMatchObject([
    400,
    { code: 'HWINV', detail: `ref must name a table and a key, not 'orders'` },
  ]);
});

test('a live list follows the runs of a row', async () => {
  const socket = openSocket(api);
  const { items, errors } = follow(
    socket,
    `subscription ($filter: ExecutionsFeedFilter) { executionsFeed(filter: $filter) { kind id } }`,
    { filter: { ref: 'many:1' } },
  );
  await until(() => items.some(({ kind }) => kind === 'synced'));
  await makeRun(db.pool, { agent_id, metadata: { many: 2 } });
  const id = await makeRun(db.pool, { agent_id, metadata: { many: 1 } });
  await until(() => items.some(({ kind }) => kind === 'changed'));
  expect(items.filter(({ kind }) => kind === 'changed').map((item) => item.id)).toEqual([id]);
  expect(errors).toEqual([]);
  await socket.client.dispose();
});

describe.each([
  ['a database', () => []],
  ['an API', () => ['--api', api.url]],
] as [string, () => string[]][])('over %s', (_name, target) => {
  test('the command lists the runs of a row', async () => {
    const { stdout } = await runCli(db.url, 'runs', '--ref', REF, '--json', ...target());
    expect(JSON.parse(stdout).items.map(({ id }: { id: string }) => id)).toEqual(ids);
  });

  test('the command names what is wrong with a ref', async () => {
    const { status, stderr } = await runCli(db.url, 'runs', '--ref', 'orders', ...target());
    expect(status).toBe(2);
    expect(stderr).toContain(`ref must name a table and a key, not 'orders'`);
  });
});
