import { describe, expect, onTestFinished, test } from 'vitest';
import { verifyAudit } from '../../../src/db/operations/audit.ts';
import { migrateDown, migrateUp, migrationStatus } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { createEmptyDatabase, eventually, type TestDatabase } from '../../support/database.ts';
import { loadRelease, RELEASES } from '../../support/releases/releases.ts';
import { startTestWorker } from '../../support/worker.ts';

// Upgrades from every recorded release. The recorded database contains the runs that were active
// when its worker was killed. A test migrates it to this schema, completes its runs, and migrates
// it down again. `node test/support/releases/record-release.ts COMMIT` records a release.

const ENDINGS = `
  select coalesce(metadata ->> 'recorded', input) as run, status::text, coalesce(output, error ->> 'code') as said
  from howdah.executions where depth = 0 order by id`;

/** Does everything that active runs wait for: answers, approves, resumes, and makes timers due. */
async function comeToTheEnd({ pool, url }: TestDatabase): Promise<void> {
  await pool.query(
    `select howdah.resume_execution(id) from howdah.executions where status = 'paused'`,
  );
  await pool.query(
    `update howdah.executions set run_at = now() where run_at > now() + interval '1 day'`,
  );
  await pool.query(
    `select howdah_private.enqueue_advance(array_agg(id::uuid)) from howdah.executions where status = 'queued'`,
  );
  const worker = await startTestWorker(url);
  try {
    const answer = `
      select howdah.answer_question(id, case kind when 'question' then 'this one' else 'approve' end)
      from howdah.questions where status = 'open'`;
    await pool.query(answer);
    await eventually(
      pool,
      'all runs have ended',
      'select 1 from howdah.executions having count(*) = count(completed_at)',
    );
  } finally {
    await worker.stop(1_000);
  }
}

async function faultsOf({ pool }: TestDatabase): Promise<unknown[]> {
  const { rows } = await pool.query('select * from howdah.check_all()');
  const chains = await verifyAudit(pool);
  return [...rows, ...chains.filter(({ broken }) => broken)];
}

/** Returns the limits that must be counted under a lock but have none. */
async function limitsWithoutLock({ pool }: TestDatabase): Promise<unknown[]> {
  const { rows } = await pool.query(`
    select l.id from howdah.limits as l
    where howdah_private.limit_lock_id(l) is not null and not exists (
      select from howdah_private.limit_locks as k
      where k.lock_id = howdah_private.limit_lock_id(l))`);
  return rows;
}

describe.each(RELEASES)('the database of %s', (last) => {
  test('upgrades to this schema, continues its runs, and downgrades', async () => {
    const db = await createEmptyDatabase();
    onTestFinished(() => db.drop());
    await loadRelease(db, last);
    await db.pool.query(`
      insert into howdah.limits (scope, key, metric, max_value)
      values ('tenant', null, 'running_runs', 100), ('tool', 'search', 'running_calls', 100)`);
    await migrateUp(db.url, migrateQueue);
    expect(await limitsWithoutLock(db)).toEqual([]);
    expect(await faultsOf(db)).toEqual([]);
    await comeToTheEnd(db);
    const { rows } = await db.pool.query(ENDINGS);
    const failed = rows.filter(({ status }) => status !== 'completed');
    expect(failed).toMatchObject([{ run: 'finished failing' }]);
    expect(rows.length).toBeGreaterThan(12);
    expect(await faultsOf(db)).toEqual([]);

    while ((await migrationStatus(db.url)).applied.at(-1) !== last)
      await migrateDown(db.url, false);
    await migrateUp(db.url, migrateQueue);
    expect(await limitsWithoutLock(db)).toEqual([]);
    expect((await db.pool.query(ENDINGS)).rows).toEqual(rows);
    expect(await faultsOf(db)).toEqual([]);
  });
});
