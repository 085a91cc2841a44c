import type { Subject } from '../db/identity.ts';
import type { Pool } from '../db/pool.ts';
import { countRequests, type QuotaRefusal, whoseRequestsCount } from '../db/quotas.ts';
import { createLookup } from './login/lookup.ts';
import { together } from './together.ts';

/**
 * Counts a request of this subject, over all processes of the API; gives why it goes beyond a quota, null when it does not.
 * Never rejects: when the database cannot be asked, the request will hear of that itself.
 */
export type CountRequest = (subject: Subject) => Promise<QuotaRefusal | null>;

/** A tenant without a quota of requests costs a look now and then. */
export function createRequestQuotas(pool: Pool): CountRequest {
  const isCounted = createLookup<string, boolean>({
    keyOf: (tenantId) => tenantId,
    ask: (tenants) => whoseRequestsCount(pool, tenants),
  });
  const count = together((subjects: Subject[]) => countRequests(pool, subjects));
  return async (subject) => {
    try {
      return (await isCounted(subject.tenantId)) ? await count(subject) : null;
    } catch {
      return null;
    }
  };
}
