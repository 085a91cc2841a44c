import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, Queryable } from '../connection/pool.ts';
import { isTimeout } from '../connection/sqlstate.ts';

/**
 * Creates the monthly partitions of executions and their log, three months ahead unless told
 * otherwise, and returns how many were missing. Each partition has its own transaction, so that no
 * lock is held while another one is awaited. Rejects with `55P03` when another session is in the
 * way; try again later.
 */
export async function ensurePartitions(pool: Queryable, monthsAhead = 3): Promise<number> {
  for (let sum = 0; ; ) {
    const { rows } = await pool.query('select howdah_private.ensure_partitions($1, 1) as made', [
      monthsAhead,
    ]);
    if (rows[0].made === 0) return sum;
    sum += rows[0].made;
  }
}

/**
 * Creates the partitions of this and the next month, for the start of a worker. The task
 * `partitions` creates those of later months, for which no run need wait.
 */
export function ensureNextMonth(pool: Queryable): Promise<number> {
  return ensurePartitions(pool, 1);
}

const MONTH_ATTEMPTS = 30;

/**
 * Creates the partitions of the months between two times, each month in its own transaction. When
 * another session holds a table for long, pauses and tries again. Rejects with `55P03` after 30
 * attempts.
 */
export async function ensureMonths(
  pool: Queryable,
  since: Date,
  until: Date,
  pause: () => Promise<unknown> = () => sleep(1_000),
): Promise<void> {
  const month = new Date(Date.UTC(since.getUTCFullYear(), since.getUTCMonth(), 1));
  for (; month <= until; month.setUTCMonth(month.getUTCMonth() + 1)) {
    for (let attempt = 1; ; attempt++) {
      try {
        await pool.query('select howdah_private.ensure_month($1)', [month]);
        break;
      } catch (error) {
        if (!isTimeout(error) || attempt === MONTH_ATTEMPTS) throw error;
      }
      await pause();
    }
  }
}

/**
 * Returns whether a job is due, including jobs that are being worked on. For a worker with a scope,
 * returns whether a run in its scope is due.
 */
export async function hasDueWork(pool: Pool, worker: string): Promise<boolean> {
  const { rows } = await pool.query('select howdah_private.has_due_work($1) as has_due_work', [
    worker,
  ]);
  return rows[0].has_due_work;
}
