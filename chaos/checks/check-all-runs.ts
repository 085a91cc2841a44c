import type { Breach } from './check-evidence.ts';
import { retryWhileUnavailable } from '../server.ts';
import type { World } from '../world.ts';

/** At the very end: every promise about every run there was. */
export async function checkAllRuns({ server }: World): Promise<Breach[]> {
  const { rows } = await retryWhileUnavailable(() =>
    server.pool.query('select rule, execution_id, detail from howdah.check_all()'),
  );
  return rows.map(({ rule, execution_id, detail }) => ({
    kind: 'violation',
    what: `${rule} ${execution_id ?? ''}: ${detail}`,
  }));
}
