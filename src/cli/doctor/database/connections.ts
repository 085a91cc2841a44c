import { HowdahError } from '../../../contracts/errors.ts';
import { mostConnections } from '../../../db/connection/connection-limits.ts';
import { connectionUse } from '../../../db/connection/connection-use.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import { refusePooler } from '../../../db/connection/pooler-check.ts';
import type { Finding } from '../finding.ts';

/**
 * The share of the allowed connections above which the planned number is too close to the limit.
 */
const NEAR = 0.8;

/**
 * Checks the maximum number of connections of all live processes, plus the current connections of
 * others. The maximum applies to each process: a process with little work has few connections. A
 * process that is both an API and a worker counts as two, because `pg_stat_activity` does not show
 * that their connections belong to one process. That is two connections too many.
 */
export async function connectionsFinding(pool: Pool, isPooled: boolean): Promise<Finding> {
  const { allowed, apis, workers, requests, ...use } = await connectionUse(pool);
  const others = use.others + (isPooled ? requests : 0);
  const ofApi = mostConnections({ api: true, worker: false }, { isPooled });
  const ofWorker = mostConnections({ api: false, worker: true });
  const most = apis * ofApi + workers * ofWorker + others;
  const found =
    `at most ${most} of ${allowed}: ${apis} API servers with ${ofApi} each, ${workers} workers with ` +
    `${ofWorker} each, ${others} of other clients${isPooled ? ' and the pooler' : ''}`;
  const fix = `Raise max_connections of the server, run fewer processes, or use a pooler for the API: docs/operations.md#connections`;
  return { check: 'connections', ok: true, found, ...(most > NEAR * allowed ? { fix } : {}) };
}

/**
 * Checks that a connection stays the same session, because our locks, LISTEN and settings depend on
 * that.
 */
export async function sessionsFinding(url: string): Promise<Finding> {
  const check = 'sessions';
  try {
    await refusePooler(url, 'howdah-cli');
    return { check, ok: true, found: 'each connection has its own session' };
  } catch (error) {
    if (!(error instanceof HowdahError)) throw error;
    return { check, ok: false, found: error.message, fix: error.hint ?? '' };
  }
}
