import { settleAll } from '../src/concurrency/run-all.ts';
import { MAX_CONNECTIONS } from '../src/db/connection/connection-limits.ts';
import { createPool, type Pool, SERVER_TIMEOUTS } from '../src/db/connection/pool.ts';
import { divideAmongTenants } from '../src/db/connection/tenant-pool.ts';
import type { WorkerOptions } from './worker-options.ts';

/** The default time within which the server has to answer. */
export const ANSWER_MS = 30_000;
/**
 * The time within which the server has to answer to a filter. It cancels a filter after two
 * seconds.
 */
const FILTER_ANSWER_MS = 8_000;
/** The share of the client's time-out that the server may use. */
export const SERVER_SHARE = 0.8;
const { worker: MOST } = MAX_CONNECTIONS;

/** The pools of a worker. `open` opens more of them, which `end` does not close. */
export type WorkerPools = Readonly<{
  open(applicationName: string, max: number, settings?: Record<string, string>): Pool;
  pool: Pool;
  claims: Pool;
  filters: Pool;
  sqlToolPool: Pool;
  queryPool: Pool;
  end(): Promise<void>;
}>;

/** Opens the pools of a worker and counts their connections. */
export function openPools({
  url,
  metrics,
  answerWithinMs = ANSWER_MS,
}: WorkerOptions): WorkerPools {
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
  const filters = createPool({
    ...{ url, applicationName: 'howdah-filters', max: MOST.filters, role: 'howdah_worker' },
    answerWithinMs: Math.min(answerWithinMs, FILTER_ANSWER_MS),
    settings: { ...SERVER_TIMEOUTS, ...engineSettings },
  });
  divideAmongTenants(filters, MOST.filters);
  const sqlToolPool = open('howdah-tools', MOST.tools);
  divideAmongTenants(sqlToolPool, MOST.tools);
  const queryPool = open('howdah-queries', MOST.queries);
  metrics?.watchPool('commits', () => pool);
  metrics?.watchPool('claims', () => claims);
  metrics?.watchPool('filters', () => filters);
  metrics?.watchPool('tools', () => sqlToolPool);
  metrics?.watchPool('queries', () => queryPool);
  const all = [pool, claims, filters, sqlToolPool, queryPool];
  const end = () => settleAll(all.map((one) => one.end()));
  return { open, pool, claims, filters, sqlToolPool, queryPool, end };
}
