import type { Subject } from '../db/identity.ts';
import type { Pool } from '../db/pool.ts';
import { countRequests, type QuotaRefusal, whoseRequestsCount } from '../db/quotas.ts';
import { createLookup } from './login/lookup.ts';

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

/** One query at a time: what is asked meanwhile is asked together, on one connection. */
function together<Q, A>(ask: (questions: Q[]) => Promise<A[]>): (question: Q) => Promise<A> {
  let batch: { questions: Q[]; answers: Promise<A[]> } | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  const send = async (questions: Q[]) => {
    await underWay;
    batch = undefined;
    const answers = ask(questions);
    underWay = answers.catch(() => {});
    return answers;
  };
  return async (question) => {
    const questions: Q[] = batch?.questions ?? [];
    batch ??= { questions, answers: send(questions) };
    const place = questions.push(question) - 1;
    return (await batch.answers)[place] as A;
  };
}
