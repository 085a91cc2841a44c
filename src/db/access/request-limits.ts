import type { Json } from '../../json/json.ts';
import type { Pool } from '../connection/pool.ts';
import type { Subject } from './subjects.ts';

/** The reason why a request exceeds a limit, as the database reports it. */
export type LimitRefusal = {
  message: string;
  hint: string;
  /** `retry_after_seconds` is null if the limit does not reset. */
  detail: { [key: string]: Json; retry_after_seconds: number | null };
};

/** Returns for each tenant, in the same order, whether its requests are counted. */
export async function areRequestsCounted(
  pool: Pool,
  tenants: readonly string[],
): Promise<boolean[]> {
  const { rows } = await pool.query<{ counted: boolean }>(
    'select c.counted from howdah_private.count_requests_of($1) as c (counted)',
    [tenants],
  );
  return rows.map(({ counted }) => counted);
}

/**
 * The maximum number of attempts to count a batch. Two processes that count for the same limits in
 * different orders deadlock.
 */
const ATTEMPTS = 5;
const DEADLOCK = '40P01';

/**
 * Counts one request of each subject. Returns for each, in the same order, the reason for a
 * rejection, or null if the request is not rejected.
 */
export async function countRequests(
  pool: Pool,
  subjects: readonly Subject[],
  attempts = ATTEMPTS,
): Promise<(LimitRefusal | null)[]> {
  try {
    const { rows } = await pool.query<{ refused: LimitRefusal | null }>(
      'select c.refused from howdah_private.count_requests($1, $2, $3) as c (refused)',
      [
        subjects.map(({ tenantId }) => tenantId),
        subjects.map(({ userId }) => userId ?? null),
        subjects.map(({ apiKeyId }) => apiKeyId ?? null),
      ],
    );
    return rows.map(({ refused }) => refused);
  } catch (error) {
    // Nothing of the batch was counted, because Postgres rolled all of it back.
    const isDeadlock = (error as { code?: unknown }).code === DEADLOCK;
    if (!isDeadlock || attempts <= 1) throw error;
    return countRequests(pool, subjects, attempts - 1);
  }
}
