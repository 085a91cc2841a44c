import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { faultOf } from '../../../src/db/connection/sqlstate.ts';
import { applyRetention } from '../../../src/db/retention/apply-retention.ts';
import { dropMonths, type MonthOptions } from '../../../src/db/retention/drop-months.ts';
import { isPaused, recordBatch } from '../../../src/db/worker/batch-progress.ts';

/**
 * Creates the task of retention. Drops the months that nobody keeps any more, then erases and
 * deletes what the policies of the tenants no longer keep. Without a policy it deletes only old
 * deliveries, receivers, provider reports and abandoned provider settings. A worker whose login is
 * not an owner leaves months to `howdah retention`, and logs that when there is a month to drop. An
 * error of the months or of a tenant stops nothing else. The error is logged, and the job is tried
 * again.
 */
export function retentionTask(pool: Pool, months: MonthOptions, log: Logger): Task {
  return async () => {
    if (await isPaused(pool, 'apply_retention')) {
      log.info('retention is not applied: the batch job apply_retention is paused');
      return;
    }
    const errors: unknown[] = [];
    await dropOldMonths(months, log).catch((err) => {
      if (faultOf(err).code === 'HWDEN') {
        log.warn(
          { err },
          'months are not dropped by this worker: an owner of the database must run howdah retention',
        );
        return;
      }
      log.error({ err }, 'the months past their retention could not be dropped');
      errors.push(err);
    });
    const { failures } = await applyRetention(pool).catch((error) => {
      errors.push(error);
      return { failures: [] };
    });
    for (const { tenant, error } of failures) {
      log.error({ tenant, err: error }, 'the retention of a tenant failed');
      errors.push(error);
    }
    if (errors.length === 0) return;
    const error = new AggregateError(errors, messageOf(errors));
    await recordBatch(pool, 'apply_retention', 0, error).catch(() => {}); // the job reports it
    throw error;
  };
}

const messageOf = (errors: unknown[]): string =>
  `retention failed ${errors.length} times: ${errors.map((error) => faultOf(error).message).join('; ')}`;

async function dropOldMonths(options: MonthOptions, log: Logger): Promise<void> {
  for (const one of (await dropMonths(options)) ?? []) {
    const { month, dropped, runs, blockers, archive, replaced } = one;
    if (replaced !== null)
      log.warn({ month, archive, replaced }, 'an archive was incomplete and was written again');
    if (dropped) log.info({ month, runs, archive }, 'a month was dropped');
    else log.info({ month, blockers }, 'a month was not dropped');
  }
}
