import type { Queryable } from '../connection/pool.ts';

/** Starts a run of a schedule outside of its times. */
export async function runSchedule(
  client: Queryable,
  id: string,
): Promise<{ id: string; status: string }> {
  const { rows } = await client.query('select r.id, r.status from howdah.run_schedule($1) as r', [
    id,
  ]);
  return rows[0];
}
