import { MOST_CONNECTIONS } from '../src/db/connection/connection-limits.ts';
import { createPool, SERVER_TIMEOUTS } from '../src/db/connection/pool.ts';
import { divideAmongTenants } from '../src/db/connection/tenant-pool.ts';
import type { WorkerOptions } from './main.ts';

/** The default time within which the server has to answer. */
export const ANSWER_MS = 30_000;
/** The share of the client's time-out that the server may use. */
const SERVER_SHARE = 0.8;
const { worker: MOST } = MOST_CONNECTIONS;

/** Opens the pools of a worker and counts their connections. `open` opens more of them. */
export function openPools({ url, metrics, answerWithinMs = ANSWER_MS }: WorkerOptions) {
  const open = (applicationName: string, max: number, settings: Record<string, string> = {}) =>
    createPool({
      ...{ url, applicationName, max, answerWithinMs },
      role: 'howdah_worker',
      settings: { ...SERVER_TIMEOUTS, ...settings },
    });
  const engineSettings = {
    // These statements touch few rows, whatever the planner guesses. Compiling costs more than it
    // saves.
    jit: 'off',
    // The server ends a statement before the client gives up, so a commit is never repeated while
    // its first attempt runs.
    statement_timeout: `${Math.ceil(answerWithinMs * SERVER_SHARE)}ms`,
  };
  const pool = open('howdah-worker', MOST.commits, engineSettings);
  const claims = open('howdah-worker', MOST.claims, engineSettings);
  const sqlToolPool = open('howdah-tools', MOST.tools);
  divideAmongTenants(sqlToolPool, MOST.tools);
  const queryPool = open('howdah-queries', MOST.queries);
  metrics?.watchPool('commits', () => pool);
  metrics?.watchPool('claims', () => claims);
  metrics?.watchPool('tools', () => sqlToolPool);
  metrics?.watchPool('queries', () => queryPool);
  return { open, pool, claims, sqlToolPool, queryPool };
}
