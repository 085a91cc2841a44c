import { retryWhileUnavailable } from '../server.ts';
import type { World } from '../world.ts';
import type { Breach } from './breach.ts';

/** Checks all invariants of all runs in the database, at the end of a programme. */
export async function checkAllRuns({ server }: World): Promise<Breach[]> {
  const { rows } = await retryWhileUnavailable(() =>
    server.pool.query('select rule, execution_id, detail from howdah.check_all()'),
  );
  return rows.map(({ rule, execution_id, detail }) => ({
    kind: 'violation',
    what: `${rule} ${execution_id ?? ''}: ${detail}`,
  }));
}
