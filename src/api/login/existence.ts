import { type Subject, whichExist } from '../../db/identity.ts';
import type { Pool } from '../../db/pool.ts';
import { createLookup, type Lookup } from './lookup.ts';

/** Whether tenant, user and API key are there and may be used, by a fresh answer. Rejects as node-pg does. */
export type Exists = Lookup<Subject, boolean>;

/** Asks the database for all subjects of one moment at once. */
export function createExistence(pool: Pool): Exists {
  return createLookup({
    keyOf: ({ tenantId, userId, apiKeyId }) => `${tenantId} ${userId} ${apiKeyId}`,
    ask: (subjects) => whichExist(pool, subjects),
  });
}
