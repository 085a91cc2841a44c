import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { createPool } from '../../../src/db/connection/pool.ts';
import { divideAmongTenants, tenantPool } from '../../../src/db/connection/tenant-pool.ts';
import { dryRuns } from '../../../src/db/sql-tools/dry-run.ts';
import { testDatabase } from '../../support/database.ts';

const database = testDatabase();

test('concurrent dry runs of many tenants leave each other a second connection', async () => {
  await database.pool.query(
    `create function public.answer() returns int language sql as 'select 42';
     grant execute on function public.answer() to howdah_app`,
  );
  const { rows } = await database.pool.query(
    'select id from howdah.tenants where id = howdah.current_tenant()',
  );
  const pool = createPool({
    url: database.url,
    applicationName: 'test',
    role: 'howdah_worker',
    max: 10,
  });
  divideAmongTenants(pool, 10); // 7 of 10 for tools
  const previews = Array.from({ length: 12 }, () => {
    const signal = AbortSignal.timeout(20_000);
    const view = tenantPool(pool, 'tools', { tenant: randomUUID(), signal });
    return dryRuns(view, {
      boundTo: { tenantId: rows[0].id, executionId: randomUUID() },
      fn: { schema: 'public', function: 'answer', returns_set: false, arguments: [] },
      args: {},
      timeoutMs: 60_000,
      signal,
    });
  });
  const results = await Promise.all(previews);
  expect(results.map(({ ok }) => ok)).toEqual(previews.map(() => true));
  await pool.end();
});
