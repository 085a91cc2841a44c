import type { FastifyInstance } from 'fastify';
import type { Pool } from '../db/pool.ts';
import type { Replica, ReplicaTrouble } from '../db/replica.ts';
import { PROBLEM_TYPE, problem } from './problem.ts';

/**
 * `/healthz` says that the process is alive, `/readyz` that requests will work: the database answers and is
 * migrated. Workers are not asked for: without one runs wait, and everything else works.
 */
export function healthRoutes(
  app: FastifyInstance,
  pool: Pool,
  replica?: Pick<Replica, 'trouble'>,
): void {
  app.get('/healthz', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const reason = await unreadiness(pool);
    const reasons = replica?.trouble === undefined ? [] : [REPLICA[replica.trouble]];
    if (reason === undefined) return { status: 'ready', ...(reasons.length > 0 && { reasons }) };
    return reply
      .code(503)
      .type(PROBLEM_TYPE)
      .send(problem(503, reason.code, reason.detail).body);
  });
}

/** None of it makes a server unready: the primary answers. */
const REPLICA: Readonly<Record<ReplicaTrouble, string>> = {
  away: 'The replica cannot be reached: the primary answers what is read.',
  lagging: 'The replica is far behind: the primary answers what is read.',
  promoted: 'The replica is no standby any more: the primary answers what is read.',
  foreign: 'The replica is one of another server: the primary answers what is read.',
};

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
