import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool, type Pool } from '../../../src/db/connection/pool.ts';
import { createQueryPool, type QueryPool } from '../../../src/db/sql-tools/query-pool.ts';
import { makeTenant } from '../../sql/support.ts';
import { openCutProxy } from '../../support/cut-proxy.ts';
import { eventually, testDatabase } from '../../support/database.ts';

const database = testDatabase();
let pool: Pool;

beforeAll(async () => {
  pool = createPool({
    ...{ url: database.url, applicationName: 'howdah-queries', role: 'howdah_worker' },
    max: 4,
  });
});
afterAll(async () => {
  await pool?.end();
});

const SLOW = `select count(*) as slow from generate_series(1, 1000000) as a, generate_series(1, 1000000) as b`;
const RUNNING = `select count(*)::int as n from pg_stat_activity where datname = current_database() and state = 'active'
  and application_name = 'howdah-queries' and query like '%run_read_query%'`;

/** Returns functions that run queries for a tenant, and that abort all of them. */
function abortableQueries(queries: QueryPool) {
  const abort = new AbortController();
  return {
    ask: (tenantId: string, query: string) =>
      queries.rows({
        ...{ boundTo: { tenantId }, query, schemas: ['public'], signal: abort.signal },
        limits: { rows: 10, bytes: 1_000, cost: null, timeoutMs: 600_000 },
      }),
    end: () => abort.abort(),
  };
}

test('slow queries of one tenant take half of the connections and do not delay other tenants', async () => {
  const [blue, acme] = [await makeTenant(database.pool), await makeTenant(database.pool)];
  const { ask, end } = abortableQueries(createQueryPool(pool, 4));
  let ended = 0;
  const slow = Array.from({ length: 10 }, () => ask(blue, SLOW).finally(() => (ended += 1)));
  const isHalf = `select from (${RUNNING}) as running where n = 2`;
  await eventually(database.pool, 'two slow queries run', isHalf);
  for (let i = 0; i < 5; i += 1) {
    expect(await ask(acme, 'select 1 as n')).toMatchObject({ value: { rows: [{ n: 1 }] } });
  }
  expect((await database.pool.query(RUNNING)).rows).toEqual([{ n: 2 }]);
  expect(ended).toBe(0);
  end();
  expect((await Promise.all(slow)).filter(({ ok }) => ok)).toEqual([]);
});

test('a query that waits too long for its turn fails as retryable', async () => {
  const blue = await makeTenant(database.pool);
  const { ask, end } = abortableQueries(createQueryPool(pool, 1, 1));
  const first = ask(blue, SLOW);
  await eventually(database.pool, 'it runs', `select from (${RUNNING}) as running where n = 1`);
  expect(await ask(blue, 'select 1')).toMatchObject({
    error: { code: 'overloaded', retryable: true },
  });
  end();
  expect(await first).toMatchObject({ ok: false });
});

test('an aborted query has ended on the server when its place is released', async () => {
  const blue = await makeTenant(database.pool);
  const queries = createQueryPool(pool, 1);
  const { ask, end } = abortableQueries(queries);
  const slow = ask(blue, SLOW);
  await eventually(database.pool, 'it runs', `select from (${RUNNING}) as running where n = 1`);
  end();
  expect(await slow).toMatchObject({ ok: false });
  // The server reports the end of a statement shortly after its error.
  await eventually(database.pool, 'it ended', `select from (${RUNNING}) as running where n = 0`);
  expect(await abortableQueries(queries).ask(blue, 'select 1 as n')).toMatchObject({ ok: true });
});

test('a query whose connection is lost keeps its place until it has ended on the server', async () => {
  const [blue, acme] = [await makeTenant(database.pool), await makeTenant(database.pool)];
  const proxy = await openCutProxy(database.url);
  const { port } = new URL(proxy.url);
  const url = Object.assign(new URL(database.url), { port }).href;
  const cuttable = createPool({
    ...{ url, applicationName: 'howdah-queries', role: 'howdah_worker', max: 2 },
  });
  try {
    const { ask } = abortableQueries(createQueryPool(cuttable, 2));
    const slow = ask(blue, SLOW);
    await eventually(database.pool, 'it runs', `select from (${RUNNING}) as running where n = 1`);
    proxy.cut();
    expect(await slow).toMatchObject({ error: { cause: { was_running: true } } });
    let answered = false;
    const next = ask(blue, 'select 1 as n').finally(() => (answered = true));
    for (let i = 0; i < 5; i += 1) {
      expect(await ask(acme, 'select 1 as n')).toMatchObject({ ok: true });
    }
    expect((await database.pool.query(RUNNING)).rows).toEqual([{ n: 1 }]);
    expect(answered).toBe(false);
    await database.pool.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where state = 'active'
         and datname = current_database() and application_name = 'howdah-queries'`,
    );
    expect(await next).toMatchObject({ value: { rows: [{ n: 1 }] } });
  } finally {
    await cuttable.end();
    proxy.close();
  }
});

test.each(['53200', '53400'])(
  'a query that exceeds the server’s resources (%s) fails and is not retried',
  async (code) => {
    const short = Object.create(pool, {
      connect: {
        value: async () => {
          const client = await pool.connect();
          const query = client.query.bind(client) as (statement: unknown) => unknown;
          const fail = `do $$ begin raise exception 'out of memory' using errcode = '${code}'; end $$`;
          const isTheirs = (statement: unknown) =>
            JSON.stringify(statement).includes('howdah_private.run_read_query(');
          return Object.create(client, {
            query: {
              value: (statement: unknown, ...others: unknown[]) =>
                isTheirs(statement)
                  ? query(fail)
                  : (query as (...all: unknown[]) => unknown)(statement, ...others),
            },
          });
        },
      },
    }) as Pool;
    const { ask } = abortableQueries(createQueryPool(short, 1));
    expect(await ask(await makeTenant(database.pool), 'select 1 as n')).toMatchObject({
      error: { code: 'tool_failed', retryable: false, cause: { sqlstate: code } },
    });
  },
);
