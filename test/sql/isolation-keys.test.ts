import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { all, asRole, one } from './support.ts';
import { makeTwoTenants } from './two-tenants.ts';

/**
 * A unique key that has no tenant finds a row before it is known whose it is. What a tenant looks for is therefore never looked
 * for by such a key, not even where Postgres would prefer it: where it was made later than the index with the tenant, where
 * its tree is lower, and whatever a page or an operator is said to cost.
 */

type Key = { table: string; name: string; columns: string[]; tenant: string; read: string[] };
type Row = Record<string, unknown>;
type Plan = { 'Index Name'?: string; Plans?: Plan[] };

const indexesOf = (plan: Plan): string[] => [
  ...(plan['Index Name'] ? [plan['Index Name']] : []),
  ...(plan.Plans ?? []).flatMap(indexesOf),
];

/** Settings that any login may change, by which Postgres weighs one index against another. */
const PRICES = [
  'set local random_page_cost = 4',
  'set local random_page_cost = 1.1',
  'set local cpu_operator_cost = 0.00001',
  'set local cpu_operator_cost = 10',
  'set local cpu_tuple_cost = 10; set local cpu_index_tuple_cost = 10',
  'set local seq_page_cost = 0; set local random_page_cost = 0',
  'set local jit = off; set local plan_cache_mode = force_generic_plan',
];

describe('no key without the tenant is what a tenant looks by', { timeout: 120_000 }, () => {
  let db: TestDatabase;
  let a: string;
  let b: string;
  let keys: Key[];
  let forbidden: Set<string>;
  beforeAll(async () => {
    db = await createTestDatabase();
    ({ a, b } = await makeTwoTenants(db.pool));
    keys = await all(
      db.pool,
      `select c.relname as table, x.relname as name, o.attname as tenant, array(
         select k.attname::text from unnest(i.indkey::int2[]) with ordinality as u (attnum, place)
         join pg_attribute as k on k.attrelid = c.oid and k.attnum = u.attnum order by u.place) as columns, array(
         select r.attname::text from pg_attribute as r where r.attrelid = c.oid and r.attnum > 0
         and has_column_privilege('howdah_app', c.oid, r.attnum, 'select')) as read
       from pg_index as i
       join pg_class as x on x.oid = i.indexrelid
       join pg_class as c on c.oid = i.indrelid
       join pg_attribute as o on o.attrelid = c.oid
         and o.attname = case c.relname when 'tenants' then 'id' else 'tenant_id' end
       where c.relnamespace = 'howdah'::regnamespace and not c.relispartition and i.indisunique and i.indpred is null
         and o.attnum <> all (i.indkey::int2[]) and has_any_column_privilege('howdah_app', c.oid, 'select')
       order by 1, 2`,
    );
    // what a key of a partitioned table is in its partitions
    const parts = await all(
      db.pool,
      `select x.relname as name from pg_inherits as h join pg_class as x on x.oid = h.inhrelid
       where h.inhparent::regclass::text = any ($1)`,
      [keys.map(({ name }) => `howdah.${name}`)],
    );
    forbidden = new Set([...keys, ...parts].map(({ name }) => name));
    expect(parts.length).toBeGreaterThan(1);
    await db.pool.query('analyze');
  });
  afterAll(() => db?.drop());

  /** The indexes by which the first tenant would be given a row with the values of the second's. */
  async function lookedForBy(client: pg.PoolClient, key: Key, count: number, row: Row) {
    const columns = key.columns.slice(0, count);
    const where = columns.map((column, place) => `${column} = $${place + 1}`).join(' and ');
    const { rows } = await client.query(
      `explain (format json) select ${key.read.join(', ')} from howdah.${key.table} where ${where}`,
      columns.map((column) => `${row[column]}`),
    );
    return indexesOf(rows[0]['QUERY PLAN'][0].Plan);
  }
  const asA = <T>(price: string, work: (client: pg.PoolClient) => Promise<T>) =>
    asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': a }, async (client) => {
      // few rows are read as many are: by index
      await client.query('set local enable_seqscan = off; set local enable_bitmapscan = off');
      await client.query(price);
      return work(client);
    });
  /** Which keys without the tenant were looked by. */
  async function foundByKey(price: string, tables = keys) {
    const rows: Row[] = [];
    for (const { table, tenant } of tables) {
      rows.push(
        await one(db.pool, `select * from howdah.${table} where ${tenant} = $1 limit 1`, [b]),
      );
    }
    return asA(price, async (client) => {
      const found: string[] = [];
      for (const [place, key] of tables.entries()) {
        for (let count = 1; count <= key.columns.length; count += 1) {
          const indexes = await lookedForBy(client, key, count, rows[place] ?? {});
          expect({ key, indexes }).not.toEqual({ key, indexes: [] });
          found.push(...indexes.filter((name) => forbidden.has(name)));
        }
      }
      return found;
    });
  }

  test.each(PRICES)('of any table: %s', async (price) => {
    expect(keys.length).toBeGreaterThan(45);
    expect(await foundByKey(price)).toEqual([]);
  });

  test.each([
    ['a leaf and a root above leaves', 240],
    ['two levels and three', 40_000],
  ])('where its tree is a level lower: %s', async (_, rows) => {
    await db.pool.query(
      `insert into howdah.sessions (tenant_id, title) select $1, 'one of many'
       from generate_series(1, $2 - (select count(*) from howdah.sessions))`,
      [b, rows],
    );
    await db.pool.query('vacuum analyze howdah.sessions');
    // whose policy asks for nothing is given the key
    const { rows: plan } = await db.pool.query(
      `explain (format json) select * from howdah.sessions where tenant_id = $1 and id = $1`,
      [b],
    );
    expect(indexesOf(plan[0]['QUERY PLAN'][0].Plan)).toEqual(['sessions_pkey']);
    const sessions = keys.filter(({ table }) => table === 'sessions');
    for (const price of PRICES) expect(await foundByKey(price, sessions)).toEqual([]);
  });

  test('where it was made later', async () => {
    for (const { name } of keys) {
      await db.pool.query(`reindex index concurrently howdah.${name}`);
    }
    for (const price of PRICES) expect(await foundByKey(price)).toEqual([]);
  });
});
