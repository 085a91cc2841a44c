import { type Standing, type Subject, standingsOf } from '../../db/access/subjects.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { createLookup, type Lookup } from './cached-loader.ts';

/** Whether tenant, user and API key are there and may be used, or why not, by a fresh answer. Rejects as node-pg does. */
export type Exists = Lookup<Subject, Standing>;

/** Asks the database for all subjects of one moment at once. */
export function createExistence(pool: Pool): Exists {
  return createLookup({
    keyOf: ({ tenantId, userId, apiKeyId }) => `${tenantId} ${userId} ${apiKeyId}`,
    ask: (subjects) => standingsOf(pool, subjects),
  });
}
