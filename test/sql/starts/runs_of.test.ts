import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, asRole, makeAgent, makeRun, makeTenant, makeUser, one, refusal } from '../support.ts';

const db = testDatabase();
let tenant: string;
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(db.pool, { name: 'desk' });
  tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
});

const run = (metadata: object, columns: Record<string, unknown> = {}) =>
  makeRun(db.pool, { agent_id: agent, metadata: JSON.stringify(metadata), ...columns });

/** Returns the runs of a row as a tenant reads them. */
const runsOf = (ref: string, of = tenant) =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': of }, async (client) =>
    (
      await all(
        client,
        `select id from howdah.executions where id in (select howdah.runs_of($1)) order by id desc`,
        [ref],
      )
    ).map(({ id }) => id as string),
  );

describe('the runs of a row', () => {
  test('are those that a watched table started, by its name and the key', async () => {
    await db.pool.query(`
      create schema shop;
      create table shop.orders (id int primary key, body text, reply text);
      create table shop.lines (order_id int, line text, reply text, primary key (order_id, line))`);
    const watch = `select howdah.watch_table($1, 'desk', input => $$'Hi'$$, into_column => 'reply')`;
    for (const table of ['shop.orders', 'shop.lines']) await db.pool.query(watch, [table]);
    await db.pool.query(`insert into shop.orders values (4711, 'a'), (4712, 'b')`);
    await db.pool.query(`insert into shop.lines values (4711, '7'), (4711, 'x:{y}')`);
    const started = async (key: object) =>
      (
        await one(
          db.pool,
          'select execution_id as id from howdah.watched_rows where row_key = $1::jsonb',
          [JSON.stringify(key)],
        )
      ).id;
    const order = await started({ id: 4711 });
    expect(await runsOf('shop.orders:4711')).toEqual([order]);
    expect(await runsOf('orders:4711')).toEqual([order]);
    expect(await runsOf('shop.orders:{"id": 4711}')).toEqual([order]);
    expect(await runsOf('shop.orders:4713')).toEqual([]);
    expect(await runsOf('other.orders:4711')).toEqual([]);
    expect(await runsOf('ders:4711')).toEqual([]);
    const line = await started({ order_id: 4711, line: 'x:{y}' });
    expect(await runsOf('lines:{"line": "x:{y}", "order_id": 4711}')).toEqual([line]);
    // a part of a key names no row
    expect(await runsOf('lines:4711')).toEqual([]);
    expect(await runsOf('lines:{"order_id": 4711}')).toEqual([]);
  });

  test('are those whose metadata name the row, by a number or a text', async () => {
    const number = await run({ order: 8000, other: true });
    const text = await run({ order: '8000' });
    const decimal = await run({ weight: 1.5 });
    const row = await run({ table: 'shop.parcels', row: { no: 'P:1' } });
    await run({ orders: 8000 });
    await run({ of: { order: 8000 } });
    await run({ table: 'shop.parcels', row: 'P:1' });
    expect(await runsOf('order:8000')).toEqual([text, number]);
    expect(await runsOf('weight:1.50')).toEqual([decimal]);
    expect(await runsOf('parcels:P:1')).toEqual([row]);
  });

  test('are the newest thousand', async () => {
    await db.pool.query(
      `insert into howdah.executions (agent_id, input, metadata, run_at)
       select $1, 'Hi', '{"many": 1}', now() + interval '1 day' from generate_series(1, 1010)`,
      [agent],
    );
    const newest = await all(
      db.pool,
      `select id from howdah.executions where metadata = '{"many": 1}' order by id desc limit 1000`,
    );
    expect(await runsOf('many:1')).toEqual(newest.map(({ id }) => id));
  });

  test('are of the tenant, and of agents that the caller sees', async () => {
    const hidden = await makeAgent(db.pool);
    const id = await run({ secret: 1 }, { agent_id: hidden });
    expect(await runsOf('secret:1')).toEqual([id]);
    expect(await runsOf('secret:1', await makeTenant(db.pool, 'other'))).toEqual([]);
    await db.pool.query('update howdah.agents set is_restricted = true where id = $1', [hidden]);
    const { id: user } = await makeUser(db.pool, { tenant_id: tenant, role: 'member' });
    const settings = {
      'howdah.tenant_id': tenant,
      'howdah.user_id': user,
      'howdah.role': 'member',
    };
    const seen = await asRole(db.pool, 'howdah_app', settings, (client) =>
      all(client, `select howdah.runs_of('secret:1') as id`),
    );
    expect(seen).toEqual([]);
  });
});

test.each(['orders', 'orders:', ':4711', '', 'orders:{"id": }', `t:${'9'.repeat(1000)}`])(
  'a ref that names no row is refused: %.20s',
  async (ref) => {
    expect(await refusal(db.pool.query('select howdah.runs_of($1)', [ref]))).toMatchObject({
      code: 'HWINV',
      detail: '{"field": "ref"}',
    });
  },
);
