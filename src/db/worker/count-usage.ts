import type { Pool } from '../connection/pool.ts';

const BATCHES_PER_TICK = 10;
const EVENTS = 1_000;

/**
 * Counts runs that have ended in the rollup of usage, in batches with a transaction each. Any
 * number of workers may do it at once.
 */
export async function countUsage(pool: Pool): Promise<void> {
  for (let batch = 0; batch < BATCHES_PER_TICK; batch += 1) {
    const { rows } = await pool.query('select howdah_private.count_usage($1) as counted', [EVENTS]);
    if (rows[0].counted < EVENTS) break;
  }
}

/** Merges rows of the rollup that have the same key, one day of one tenant in a transaction. */
export async function mergeUsage(pool: Pool): Promise<void> {
  for (let batch = 0; batch < BATCHES_PER_TICK; batch += 1) {
    const { rows } = await pool.query('select howdah_private.merge_usage() as is_more');
    if (!rows[0].is_more) break;
  }
}
