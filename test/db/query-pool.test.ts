import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool, type Pool } from '../../src/db/pool.ts';
import { createQueryPool, type QueryPool } from '../../src/db/query-pool.ts';
import { makeTenant } from '../sql/support.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../support/database.ts';

let database: TestDatabase;
let pool: Pool;

beforeAll(async () => {
  database = await createTestDatabase();
  pool = createPool({
    ...{ url: database.url, applicationName: 'howdah-queries', role: 'howdah_worker' },
    max: 4,
  });
});
afterAll(async () => {
  await pool?.end();
  await database?.drop();
});

const SLOW = `select count(*) as slow from generate_series(1, 1000000) as a, generate_series(1, 1000000) as b`;
const RUNNING = `select count(*)::int as n from pg_stat_activity where datname = current_database() and state = 'active'
  and application_name = 'howdah-queries' and query like '%read_rows%'`;

/** Asks for a tenant until it is aborted; then the server ends what it is at. */
function asking(queries: QueryPool) {
  const abort = new AbortController();
  return {
    ask: (tenantId: string, query: string) =>
      queries.rows({
        ...{ boundTo: { tenantId }, query, schemas: ['public'], signal: abort.signal },
        limits: { rows: 10, bytes: 1_000, cost: null, timeoutMs: 60_000 },
      }),
    end: async () => {
      abort.abort();
      await database.pool.query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where datname = current_database() and application_name = 'howdah-queries'`,
      );
    },
  };
}

test('slow queries of one tenant take half of the connections, and others do not wait for them', async () => {
  const [blue, acme] = [await makeTenant(database.pool), await makeTenant(database.pool)];
  const { ask, end } = asking(createQueryPool(pool, 4));
  let ended = 0;
  const slow = Array.from({ length: 10 }, () => ask(blue, SLOW).finally(() => (ended += 1)));
  const isHalf = `select from (${RUNNING}) as running where n = 2`;
  await eventually(database.pool, 'two slow queries run', isHalf);
  for (let i = 0; i < 5; i += 1) {
    expect(await ask(acme, 'select 1 as n')).toMatchObject({ value: { rows: [{ n: 1 }] } });
  }
  expect((await database.pool.query(RUNNING)).rows).toEqual([{ n: 2 }]);
  expect(ended).toBe(0);
  await end();
  expect((await Promise.all(slow)).filter(({ ok }) => ok)).toEqual([]);
});

test('a query that does not get its turn in time says so, and may be tried again', async () => {
  const blue = await makeTenant(database.pool);
  const { ask, end } = asking(createQueryPool(pool, 1, 1));
  const first = ask(blue, SLOW);
  await eventually(database.pool, 'it runs', `select from (${RUNNING}) as running where n = 1`);
  expect(await ask(blue, 'select 1')).toMatchObject({
    error: { code: 'overloaded', retryable: true },
  });
  await end();
  expect(await first).toMatchObject({ ok: false });
});
