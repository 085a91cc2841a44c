import type { Pool } from '../connection/pool.ts';

const BATCHES_PER_TICK = 100;

/**
 * Fires schedules that are due. Only one worker at a time does this. Calls of other workers return
 * at once. Each batch has its own transaction. After the maximum number of batches, the remaining
 * schedules wait for the next tick.
 */
export async function fireSchedules(pool: Pool): Promise<void> {
  for (let batch = 0; batch < BATCHES_PER_TICK; batch += 1) {
    const { rows } = await pool.query(`select howdah_private.run_timers('schedules') as is_more`);
    if (!rows[0].is_more) break;
  }
}

/** Handles questions past their deadline. Only one worker at a time does this. */
export async function expireQuestions(pool: Pool): Promise<void> {
  await pool.query(`select howdah_private.run_timers('questions')`);
}

/** Enqueues checks of the alert rules that are due. Only one worker at a time does this. */
export async function enqueueAlerts(pool: Pool): Promise<void> {
  await pool.query(`select howdah_private.run_timers('alerts')`);
}

/** Enqueues the grading rules that are due. Only one worker at a time does this. */
export async function enqueueGradings(pool: Pool): Promise<void> {
  await pool.query(`select howdah_private.run_timers('gradings')`);
}
