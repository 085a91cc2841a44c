import type { FastifyInstance } from 'fastify';
import type { Pool } from '../db/pool.ts';
import type { Departure } from './departure.ts';
import { PROBLEM_TYPE, problem } from './problem.ts';

/**
 * `/healthz` says that the process is alive, `/readyz` that requests will work: the database answers and is
 * migrated. Workers are not asked for: without one runs wait, and everything else works.
 */
export function healthRoutes(app: FastifyInstance, pool: Pool, departure: Departure): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const reason = departure.hasBegun ? DRAINING : await unreadiness(pool);
    if (reason === undefined) return { status: 'ready' };
    return reply
      .code(503)
      .type(PROBLEM_TYPE)
      .send(problem(503, reason.code, reason.detail).body);
  });
}

const DRAINING = { code: 'EDRAINING', detail: 'This process is about to end; ask another one.' };

/** Why requests would fail now. */
async function unreadiness(pool: Pool): Promise<{ code: string; detail: string } | undefined> {
  try {
    return (await isMigrated(pool))
      ? undefined
      : { code: 'HWCNF', detail: 'The database is not migrated. Run: npx howdah migrate up' };
  } catch (error) {
    const cause = error instanceof Error && error.message ? `: ${error.message}` : '';
    const detail = `The database cannot be reached${cause}. Check DATABASE_URL, and that the server runs.`;
    return { code: 'EUNREACHABLE', detail };
  }
}

/** Whether Howdah's schema is there. */
export async function isMigrated(pool: Pool): Promise<boolean> {
  const { rows } = await pool.query(
    `select to_regclass('howdah.tenants') is not null
       and to_regclass('howdah_private.applied_sql') is not null as migrated`,
  );
  return rows[0].migrated;
}
