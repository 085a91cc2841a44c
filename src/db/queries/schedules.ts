import { HowdahError } from '../../contracts/errors.ts';
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

/** Pauses or resumes a schedule. Throws `HWDEN` if this login may only read the schedule. */
export async function setScheduleActive(
  client: Queryable,
  id: string,
  isActive: boolean,
): Promise<void> {
  const { rowCount } = await client.query(
    'update howdah.schedules as s set is_active = $2 where s.id = $1',
    [id, isActive],
  );
  if (rowCount === 0) throw new HowdahError('HWDEN', 'this login may not change schedules');
}
