import { HowdahError } from '../../contracts/errors.ts';
import { mostConnections } from '../../db/connection/connection-limits.ts';
import { connectionUse } from '../../db/connection/connection-use.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { refusePooler } from '../../db/connection/pooler-check.ts';
import type { AuditFinding } from './audit-log.ts';

/** Of what the server allows: what is planned beyond it is too near. */
const NEAR = 0.8;

/**
 * What the processes that are alive may come to have together, beside what others have now. The maximum is of each process:
 * a process that has little to do has few of them.
 */
export async function connectionsFinding(pool: Pool, isPooled: boolean): Promise<AuditFinding> {
  const { allowed, apis, workers, requests, ...use } = await connectionUse(pool);
  const others = use.others + (isPooled ? requests : 0);
  const ofApi = mostConnections({ api: true, worker: false }, { isPooled });
  const ofWorker = mostConnections({ api: false, worker: true });
  const most = apis * ofApi + workers * ofWorker + others;
  const found =
    `${most} of ${allowed} at most: ${apis} API with ${ofApi} each, ${workers} workers with ` +
    `${ofWorker} each, ${others} of others${isPooled ? ' and the pooler' : ''}`;
  const fix = `Raise max_connections of the server, or run fewer processes; an API may share them: docs/operations.md#connections`;
  return { check: 'connections', ok: true, found, ...(most > NEAR * allowed ? { fix } : {}) };
}

/** What locks, LISTEN and settings of ours hold on to: a connection that stays the same session. */
export async function sessionsFinding(url: string): Promise<AuditFinding> {
  const check = 'sessions';
  try {
    await refusePooler(url, 'howdah-cli');
    return { check, ok: true, found: 'each connection is one' };
  } catch (error) {
    if (!(error instanceof HowdahError)) throw error;
    return { check, ok: false, found: error.message, fix: error.hint ?? '' };
  }
}
