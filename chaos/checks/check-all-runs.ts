import type { Breach } from './check-evidence.ts';
import { surely } from '../server.ts';
import type { World } from '../world.ts';

/** At the very end: every promise about every run there was. */
export async function checkEverything({ server }: World): Promise<Breach[]> {
  const { rows } = await surely(() =>
    server.pool.query('select rule, execution_id, detail from howdah.check_all()'),
  );
  return rows.map(({ rule, execution_id, detail }) => ({
    kind: 'violation',
    what: `${rule} ${execution_id ?? ''}: ${detail}`,
  }));
}
