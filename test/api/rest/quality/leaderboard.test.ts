import { afterAll, beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../../../src/api/server.ts';
import { committed, makeAgent, makeTenant, one, takeRole } from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';
import { ask, startTestApi } from '../../harness.ts';
import { tokenOptions } from '../../subscriptions/tokens.ts';
import { call } from '../call.ts';

// The leaderboard of a data set over REST and GraphQL.

const database = testDatabase();
let api: ApiServer;
let viewer: string;
let stranger: string;
let dataset: string;

/** Adds a completed evaluation of a new agent, which passes the first n of 12 items. */
async function evaluate(name: string, passed: number, cost: number): Promise<void> {
  const agent = await makeAgent(database.pool, { name });
  const { id } = await one(
    database.pool,
    `insert into howdah.evaluations (tenant_id, dataset_id, agent_id, version_id, version, items,
       repeats, items_digest, graders, created_by, status)
     select d.tenant_id, d.id, $2, $2, 1, 12, 1, 'x', '[]', 'x', 'completed'
     from howdah.datasets as d where d.id = $1 returning id`,
    [dataset, agent],
  );
  await database.pool.query(
    `insert into howdah.evaluation_results (tenant_id, evaluation_id, item_id, repeat, graded_at,
       score, passed, cost, latency_ms)
     select i.tenant_id, $1, i.id, 1, now(), (i.input::int <= $3)::int, i.input::int <= $3, $4, 100
     from howdah.dataset_items as i where i.dataset_id = $2`,
    [id, dataset, passed, cost],
  );
}

const KEY = `select key from howdah.create_api_key('k', 'viewer')`;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  viewer = (await one(database.pool, KEY)).key;
  const settings = { 'howdah.tenant_id': await makeTenant(database.pool) };
  stranger = await committed(database.pool, async (client) => {
    await takeRole(client, 'howdah_app', settings);
    return (await one(client, KEY)).key;
  });
  dataset = (
    await one(database.pool, `insert into howdah.datasets (name) values ('sums') returning id`)
  ).id;
  await database.pool.query(
    `insert into howdah.dataset_items (dataset_id, input)
     select $1, n::text from generate_series(1, 12) as n`,
    [dataset],
  );
  await evaluate('dear', 12, 0.5);
  await evaluate('cheap', 2, 0.1);
});
afterAll(() => api?.close());

const read = (query = '', of = viewer) =>
  call(api, 'GET', `/api/datasets/${dataset}/leaderboard${query}`, undefined, { token: of });
const names = (rows: { name: string }[]) => rows.map(({ name }) => name);

test('contenders are ranked by each measure over REST', async () => {
  const { status, body } = await read();
  expect(status).toBe(200);
  expect(body.data).toMatchObject([
    { rank: 1, name: 'dear', version: 1, pass_rate: 1, cost: 0.5, is_on_front: true },
    { rank: 2, name: 'cheap', items: 12, cost: 0.1, verdict: 'lower', is_on_front: true },
  ]);
  expect(names((await read('?measure=cost')).body.data)).toEqual(['cheap', 'dear']);
});

test('a measure, a split or a data set that does not exist is refused', async () => {
  expect(await read('?measure=speed')).toMatchObject({ status: 400 });
  expect(await read('?split=test')).toMatchObject({ body: { code: 'HWINV' } });
  expect(await read('', stranger)).toMatchObject({ status: 404, body: { code: 'HWNTF' } });
});

test('contenders are ranked over GraphQL, with the same errors', async () => {
  const query = `query ($dataset: String!, $split: String, $measure: String) {
    leaderboard(dataset: $dataset, split: $split, measure: $measure) {
      nodes { rank name costPerPass differenceLow isOnFront }
    }
  }`;
  const board = (variables: object, of = viewer) =>
    ask(api, query, { dataset: 'sums', ...variables }, of);
  const { data } = await board({});
  expect(data?.leaderboard.nodes).toMatchObject([
    { rank: 1, name: 'dear', costPerPass: 0.5, differenceLow: null },
    { rank: 2, name: 'cheap', isOnFront: true },
  ]);
  expect(names((await board({ measure: 'cost' })).data?.leaderboard.nodes)).toEqual([
    'cheap',
    'dear',
  ]);
  for (const [variables, of, code] of [
    [{ measure: 'speed' }, viewer, 'HWINV'],
    [{ split: 'test' }, viewer, 'HWINV'],
    [{}, stranger, 'HWNTF'],
  ] as const) {
    const { errors } = await board(variables, of);
    expect(errors?.[0]?.extensions?.code).toBe(code);
  }
});
