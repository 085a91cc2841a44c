import { type AccountStatus, accountStatuses, type Subject } from '../../db/access/subjects.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type CachedLoader, createCachedLoader } from './cached-loader.ts';

/**
 * Returns whether the tenant, user and API key exist and may be used, or why not. The result is at
 * most `FRESH_MS` old. Rejects as node-pg does.
 */
export type IsActiveAccount = CachedLoader<Subject, AccountStatus>;

/** Creates the function that reads the status. Concurrent subjects are read in one query. */
export function createAccountStatus(pool: Pool): IsActiveAccount {
  return createCachedLoader({
    keyOf: ({ tenantId, userId, apiKeyId }) => `${tenantId} ${userId} ${apiKeyId}`,
    ask: (subjects) => accountStatuses(pool, subjects),
  });
}
