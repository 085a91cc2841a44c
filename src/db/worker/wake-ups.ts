import type { Pool } from '../connection/pool.ts';

/** Enqueues wake-ups again for those of the runs that are still due. */
export async function returnWakeUps(pool: Pool, executionIds: string[]): Promise<void> {
  await pool.query('select howdah_private.return_wake_ups($1)', [executionIds]);
}

/**
 * Enqueues missing wake-ups of due runs. Returns the number of missing wake-ups, which is normally
 * zero.
 */
export async function healQueue(pool: Pool): Promise<number> {
  const { rows } = await pool.query('select howdah_private.repair_queue() as healed');
  return rows[0].healed;
}

/** Admits runs that wait at a limit, as many as there is room for. */
export async function admitParked(
  pool: Pool,
  limit: string,
  tenant: string,
  subject: string | null,
): Promise<void> {
  await pool.query('select howdah_private.admit_parked($1, $2, $3)', [limit, tenant, subject]);
}

/**
 * Counts the usage of a new limit again, to include transactions that began before the limit was
 * visible. If one older than `after` is still open, leaves a job that tries again.
 */
export async function recountLimit(pool: Pool, limit: string, after?: string): Promise<void> {
  await pool.query('select howdah_private.recount_limit($1, $2)', [limit, after ?? null]);
}

/** Wakes the runs that wait for messages which lie in the mailbox of an agent. */
export async function deliverMail(pool: Pool, agent: string, tenant: string): Promise<void> {
  await pool.query('select howdah_private.deliver_mail($1, $2)', [tenant, agent]);
}

/** Starts the run that reads the conversation of a completed run, by the policy of its agent. */
export async function extractMemories(pool: Pool, run: string, tenant: string): Promise<void> {
  await pool.query('select howdah_private.extract_memories($1, $2)', [tenant, run]);
}
