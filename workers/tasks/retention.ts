import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import { retain } from '../../src/db/maintenance.ts';
import { dropMonths, type MonthOptions } from '../../src/db/months.ts';
import type { Pool } from '../../src/db/pool.ts';
import { faultOf } from '../../src/db/sqlstate.ts';

/**
 * Drops the months that nobody keeps any more, then erases and deletes what the tenants' policies no longer keep; without a policy it reads
 * an empty table. A worker whose login is no owner leaves months to `howdah retention`, and says so when there is one.
 */
export function retentionTask(pool: Pool, months: MonthOptions, log: Logger): Task {
  return async () => {
    await dropOldMonths(months, log).catch((err) => {
      if (faultOf(err).code !== 'HWDEN') throw err;
      log.warn({ err }, 'months are left to an owner of the database: howdah retention');
    });
    await retain(pool);
  };
}

async function dropOldMonths(options: MonthOptions, log: Logger): Promise<void> {
  for (const one of (await dropMonths(options)) ?? []) {
    const { month, dropped, runs, blockers, archive, replaced } = one;
    if (replaced !== null)
      log.warn({ month, archive, replaced }, 'an archive was not whole, so there is another one');
    if (dropped) log.info({ month, runs, archive }, 'a month was dropped');
    else log.info({ month, blockers }, 'a month stays');
  }
}
