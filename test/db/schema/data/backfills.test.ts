import { expect, test } from 'vitest';
import { describeBackfill, pendingBackfills } from '../../../../src/db/schema/backfills.ts';
import { migrateUp, migrationStatus } from '../../../../src/db/schema/migrate.ts';
import { schemaProbe } from '../../../../src/db/schema/readiness.ts';
import { migrateQueue } from '../../../../workers/queue/migrate-queue.ts';
import {
  all,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
} from '../../../sql/support.ts';
import { testDatabase } from '../../../support/database.ts';

const db = testDatabase();

test('a backfill that was stopped tells how far it is, and migrate up continues it', async () => {
  const tenant_id = await makeTenant(db.pool);
  const agent_id = await makeAgent(db.pool, { tenant_id });
  const worker = await makeWorker(db.pool);
  for (let n = 0; n < 3; n += 1) {
    await finish(db.pool, worker, await makeRun(db.pool, { tenant_id, agent_id }));
  }
  await db.pool.query('delete from howdah_private.usage_events'); // as before the rollup existed
  await db.pool.query('update howdah.executions set counted_steps = null');
  await db.pool.query(`insert into howdah_private.backfills (name) values ('usage')`);
  expect((await pendingBackfills(db.pool)).map(describeBackfill)).toEqual(['usage (not begun)']);

  await db.pool.query('select howdah_private.backfill_usage(2)');
  const [backfill] = await pendingBackfills(db.pool);
  const { reached_at } = await one(
    db.pool,
    `select to_char(max(e.created_at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI') as reached_at from howdah.executions as e
     join howdah_private.usage_events as u on u.execution_id = e.id`,
  );
  expect(backfill?.reached_at).toMatch(new RegExp(`^${reached_at}`));
  expect((await schemaProbe(db.pool)()).find(({ ok }) => !ok)).toMatchObject({
    name: 'backfills',
    reason: expect.stringMatching(/^usage \(runs up to 2\d{3}-.*howdah migrate up$/),
  });
  const blockers = `select howdah_private.month_blockers(date_trunc('month', now())::date) as reason`;
  expect((await all(db.pool, blockers)).map(({ reason }) => reason)).toContain(
    'the usage of its runs is not counted yet: run npx howdah migrate up',
  );

  expect(await migrateUp(db.url, migrateQueue)).toEqual([]);
  expect((await migrationStatus(db.url)).backfills).toEqual([]);
  expect(await all(db.pool, 'select sign from howdah_private.usage_events')).toEqual(
    Array.from({ length: 3 }, () => ({ sign: 1 })),
  );
  expect((await schemaProbe(db.pool)()).every(({ ok }) => ok)).toBe(true);
});
