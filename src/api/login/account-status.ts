import { type AccountStatus, accountStatuses, type Subject } from '../../db/access/subjects.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type CachedLoader, createCachedLoader } from './cached-loader.ts';

/** Whether tenant, user and API key are there and may be used, or why not, by a fresh answer. Rejects as node-pg does. */
export type IsActiveAccount = CachedLoader<Subject, AccountStatus>;

/** Asks the database for all subjects of one moment at once. */
export function createAccountStatus(pool: Pool): IsActiveAccount {
  return createCachedLoader({
    keyOf: ({ tenantId, userId, apiKeyId }) => `${tenantId} ${userId} ${apiKeyId}`,
    ask: (subjects) => accountStatuses(pool, subjects),
  });
}
