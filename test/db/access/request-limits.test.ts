import { expect, test } from 'vitest';
import { countRequests } from '../../../src/db/access/request-limits.ts';
import { createPool } from '../../../src/db/connection/pool.ts';
import { makeTenant, one, openSession } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';

const database = testDatabase();

test('counts requests although two processes count in opposite orders', async () => {
  const tenants = [await makeTenant(database.pool), await makeTenant(database.pool)];
  for (const tenant of tenants) {
    await database.pool.query(
      `insert into howdah.limits (tenant_id, metric, period, max_value)
       values ($1, 'requests', 'month', 100)`,
      [tenant],
    );
  }
  const [first, second] = tenants as [string, string];
  const count =
    'select howdah_private.count_requests(array[$1::uuid], array[null::uuid], array[null::uuid])';
  const other = await openSession(database.url);
  const pool = createPool({ url: database.url, applicationName: 'howdah-api', max: 1 });
  try {
    // makes the statement of the pool the victim
    await other.query(`set deadlock_timeout = '10min'`);
    await other.query('begin');
    await other.query(count, [second]);
    const counted = countRequests(
      pool,
      tenants.map((tenantId) => ({ tenantId, userId: undefined })),
    );
    await eventually(
      database.pool,
      'the pool to wait for the other session',
      `select from pg_stat_activity where datname = current_database()
       and application_name = 'howdah-api' and cardinality(pg_blocking_pids(pid)) > 0`,
    );
    await other.query(count, [first]);
    await other.query('commit');
    expect(await counted).toEqual([null, null]);
    for (const tenant of tenants) {
      expect(
        await one(
          database.pool,
          `select c.used::int as used from howdah_private.limit_counters as c
           join howdah.limits as l on l.id = c.limit_id where l.tenant_id = $1`,
          [tenant],
        ),
      ).toEqual({ used: 2 });
    }
  } finally {
    await pool.end();
    await other.end();
  }
});
