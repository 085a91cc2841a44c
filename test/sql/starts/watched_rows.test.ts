import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  asRole,
  makeAgent,
  makeTenant,
  one,
  openSession,
  refusal,
  unique,
} from '../support.ts';

const db = testDatabase();
let agent: string;

beforeAll(async () => {
  agent = unique('desk');
  await makeAgent(db.pool, { name: agent });
  await db.pool.query('create schema shop; grant usage on schema shop to howdah_app');
});

/** Creates a watched table with one row, and returns its name. */
async function watched(columns: string, values: string, grants = 'select'): Promise<string> {
  const table = `shop.${unique('t').replaceAll('-', '_')}`;
  await db.pool.query(`create table ${table} (${columns})`);
  if (grants) await db.pool.query(`grant ${grants} on ${table} to howdah_app`);
  await db.pool.query(
    `select howdah.watch_table($1, $2, input => $$'Hi'$$, into_column => 'reply')`,
    [table, agent],
  );
  await db.pool.query(`insert into ${table} values (${values})`);
  return table;
}

const CURRENT = `select howdah.watched_rows_current_row(w) as current_row
  from howdah.watched_rows as w join howdah.table_triggers as t on t.id = w.table_trigger_id
  where t.table_name = $1`;

/** Reads the row of a watched table as the API does. */
async function currentRow(table: string, tenant_id?: string): Promise<unknown> {
  const tenant = tenant_id ?? (await one(db.pool, 'select howdah.current_tenant() as id')).id;
  return asRole(
    db.pool,
    'howdah_app',
    { 'howdah.tenant_id': tenant },
    async (client) => (await all(client, CURRENT, [table]))[0]?.current_row,
  );
}

describe('watched_rows_current_row', () => {
  test.each([
    ['id int primary key, reply text', `1, 'ok'`, { id: 1, reply: 'ok' }],
    ['r text primary key, t int, reply text', `'a', 2, null`, { r: 'a', t: 2, reply: null }],
    [
      '"Id" uuid, at date, reply text, primary key ("Id", at)',
      `'00000000-0000-0000-0000-000000000001', '2030-01-01', 'x'`,
      { Id: '00000000-0000-0000-0000-000000000001', at: '2030-01-01', reply: 'x' },
    ],
    ['id int[] primary key, reply text', `'{1,2}', 'x'`, { id: [1, 2], reply: 'x' }],
  ])('finds the row of a table (%s)', async (columns, values, row) => {
    expect(await currentRow(await watched(columns, values))).toEqual(row);
  });

  test('shows the columns that the caller may read', async () => {
    const columns = 'id int primary key, reply text, secret text';
    const some = await watched(columns, `1, 'ok', 'hidden'`, 'select (id, reply)');
    expect(await currentRow(some)).toEqual({ id: 1, reply: 'ok' });
  });

  test.each(['', 'select (reply)', 'insert'])('is null with the grant "%s"', async (grants) => {
    const table = await watched('id int primary key, reply text', `1, 'ok'`, grants);
    expect(await currentRow(table)).toBeNull();
  });

  test('is null while a policy hides the row', async () => {
    const table = await watched('id int primary key, reply text', `1, 'ok'`);
    await db.pool.query(`alter table ${table} enable row level security`);
    expect(await currentRow(table)).toBeNull();
    await db.pool.query(`create policy p on ${table} to howdah_app using (reply = 'ok')`);
    expect(await currentRow(table)).toEqual({ id: 1, reply: 'ok' });
  });

  test('is null for a row that is gone, that is large, or that the key no longer identifies', async () => {
    const table = await watched('id int primary key, reply text', `1, 'ok'`);
    await db.pool.query(`update ${table} set reply = repeat('x', 70000)`);
    expect(await currentRow(table)).toBeNull();
    await db.pool.query(`update ${table} set reply = 'short'`);
    expect(await currentRow(table)).toEqual({ id: 1, reply: 'short' });
    await db.pool.query(`alter table ${table} drop constraint ${table.split('.')[1]}_pkey`);
    expect(await currentRow(table)).toBeNull();
    await db.pool.query(`alter table ${table} add primary key (id); delete from ${table}`);
    expect(await currentRow(table)).toBeNull();
  });

  test('follows a renamed table, and is null after a drop', async () => {
    const table = await watched('id int primary key, reply text', `1, 'ok'`);
    const name = unique('renamed').replaceAll('-', '_');
    await db.pool.query(`alter table ${table} rename to ${name}`);
    expect(await currentRow(table)).toEqual({ id: 1, reply: 'ok' });
    await db.pool.query(`drop table shop.${name}`);
    expect(await currentRow(table)).toBeNull();
  });

  test('a role of another tenant sees no row, and not the table of the watch', async () => {
    const table = await watched('id int primary key, reply text', `1, 'ok'`);
    const tenant = await makeTenant(db.pool);
    expect(await currentRow(table, tenant)).toBeUndefined();
    const { id } = await one(
      db.pool,
      'select id from howdah.table_triggers where table_name = $1',
      [table],
    );
    const found = await asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, (client) =>
      one(client, 'select howdah_private.own_watched_table($1) as name', [id]),
    );
    expect(found.name).toBeNull();
  });
});

describe('updated_at', () => {
  test('is the time of the change, and not that of its transaction', async () => {
    const table = await watched('id int primary key, reply text', `1, 'ok'`);
    const late = await openSession(db.url);
    try {
      await late.query('begin');
      const { began } = await one(late, 'select now() as began');
      const { updated_at } = await one(
        late,
        `update howdah.watched_rows as w set write_back = 'failed' from howdah.table_triggers as t
         where t.id = w.table_trigger_id and t.table_name = $1 returning w.updated_at`,
        [table],
      );
      expect(updated_at.getTime()).toBeGreaterThan(began.getTime());
    } finally {
      await late.end();
    }
  });
});

describe('watches', () => {
  test('returns the watches of a table', async () => {
    const table = await watched('id int primary key, reply text', `1, 'ok'`);
    const rows = await all(db.pool, 'select table_name, into_column from howdah.watches($1)', [
      table,
    ]);
    expect(rows).toEqual([{ table_name: table, into_column: 'reply' }]);
  });

  test.each(['shop.nothing', 'nothing', ''])('refuses %j', async (table) => {
    expect(await refusal(db.pool.query('select howdah.watches($1)', [table]))).toMatchObject({
      ...{ code: 'HWNTF', fields: { table } },
    });
  });
});
