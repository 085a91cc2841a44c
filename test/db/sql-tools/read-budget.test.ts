import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import {
  createPool,
  inTransaction,
  type Pool,
  type PoolClient,
} from '../../../src/db/connection/pool.ts';
import { ReadBudget } from '../../../src/db/sql-tools/read-budget.ts';
import { eventually, testDatabase } from '../../support/database.ts';

const MB = 1_000_000;
/** Maximum size of one read of a socket plus the data in its buffers, in bytes. */
const SLACK = 1_000_000;
const refusal = { code: 'HWINV', detail: { limit: 'bytes', most: 2 * MB } };

const database = testDatabase();
let pool: Pool;
beforeAll(async () => {
  pool = createPool({ url: database.url, applicationName: 'howdah-api', max: 2 });
  await database.pool.query('create table public.written (n int)');
});
beforeEach(() => database.pool.query('truncate public.written'));
afterAll(async () => {
  await pool?.end();
});

type Wire = { connection: { stream: { bytesRead: number } } };
const bytesRead = (client: PoolClient) => (client as unknown as Wire).connection.stream.bytesRead;

/** Runs statements in a transaction on a connection that the budget watches. */
async function within(budget: ReadBudget, texts: string[], seen: PoolClient[] = []) {
  return inTransaction(
    {
      async connect() {
        const client = await pool.connect();
        seen.push(client);
        const release = client.release;
        const unwatch = budget.watch(client);
        client.release = (error) => {
          unwatch();
          release(error);
        };
        return client;
      },
    },
    async (client) => {
      for (const text of texts) await client.query(text);
    },
  );
}

const rows = (count: number) =>
  `select repeat('x', 100000), pg_backend_pid() from generate_series(1, ${count})`;

test.each([
  ['many rows', `select repeat('x', 100000) from generate_series(1, 100000)`],
  ['a single value', `select repeat('x', 100000000)`],
])(
  '%s over the budget: reading stops, and the statement ends on the server',
  async (_what, text) => {
    const seen: PoolClient[] = [];
    const write = 'insert into public.written values (1)';
    await expect(
      within(new ReadBudget({ bytes: 2 * MB }), [write, text], seen),
    ).rejects.toMatchObject(refusal);
    expect(bytesRead(seen[0] as PoolClient)).toBeLessThan(2 * MB + SLACK);
    await eventually(
      database.pool,
      'the connection ends',
      `select 1 where not exists (select from pg_stat_activity where datname = current_database() and application_name = 'howdah-api' and state <> 'idle')`,
    );
    expect((await database.pool.query('select from public.written')).rowCount).toBe(0);
    expect((await pool.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
  },
);

test('statements and connections share a budget, and reset starts a new one', async () => {
  const budget = new ReadBudget({ bytes: 2 * MB });
  await within(budget, [rows(9)]);
  await within(budget, [rows(9)]);
  await expect(within(budget, [rows(1), rows(1), rows(1)])).rejects.toMatchObject(refusal);
  expect(budget.isSpent).toBe(true);
  expect(() => budget.throwIfSpent()).toThrow(expect.objectContaining(refusal));
  budget.reset();
  await within(budget, [rows(9)]);
  await within(new ReadBudget({ bytes: 2 * MB }), [rows(9)]);
});

test('a connection counts only while it is watched', async () => {
  const budget = new ReadBudget({ bytes: 2 * MB });
  await within(budget, [rows(9)]);
  const client = await pool.connect();
  await client.query(rows(100));
  client.release();
  expect(budget.isSpent).toBe(false);
});

test('commas count towards a limit on values', async () => {
  const bounds = { bytes: 100 * MB, values: 1_000 };
  const commas = (count: number) => `select repeat(',', ${count})`;
  await within(new ReadBudget(bounds), [commas(1_000)]);
  await expect(within(new ReadBudget(bounds), [commas(900), commas(101)])).rejects.toMatchObject({
    detail: { limit: 'values', most: 1_000 },
  });
});
