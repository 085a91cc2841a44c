import { createBatchLoader } from '../../concurrency/batch-loader.ts';
import {
  areRequestsCounted,
  countRequests,
  type LimitRefusal,
} from '../../db/access/request-limits.ts';
import type { Subject } from '../../db/access/subjects.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { createCachedLoader } from '../login/cached-loader.ts';

/**
 * Counts a request of a subject, over all processes of the API. Returns why the request exceeds a
 * limit, or null. Never rejects: if the database cannot be reached, the request itself fails.
 */
export type CountRequest = (subject: Subject) => Promise<LimitRefusal | null>;

/**
 * Creates the counter of requests. It caches whether a tenant has a limit of requests, so that
 * tenants without one cost no query.
 */
export function createRequestLimits(pool: Pool): CountRequest {
  const isCounted = createCachedLoader<string, boolean>({
    keyOf: (tenantId) => tenantId,
    ask: (tenants) => areRequestsCounted(pool, tenants),
  });
  const count = createBatchLoader((subjects: Subject[]) => countRequests(pool, subjects));
  return async (subject) => {
    try {
      return (await isCounted(subject.tenantId)) ? await count(subject) : null;
    } catch {
      return null;
    }
  };
}
