import type { Breach } from './check.ts';
import { checkContents } from './encryption.ts';
import { surely } from './server.ts';
import type { World } from './world.ts';

/** At the very end: every promise about every run there was. */
export async function checkEverything({ server }: World): Promise<Breach[]> {
  const { rows } = await surely(() =>
    server.pool.query('select rule, execution_id, detail from howdah.check_all()'),
  );
  const violations = rows.map(
    ({ rule, execution_id, detail }): Breach => ({
      kind: 'violation',
      what: `${rule} ${execution_id ?? ''}: ${detail}`,
    }),
  );
  return [...violations, ...(await surely(() => checkContents(server.pool)))];
}
