import type { Subject } from '../db/identity.ts';
import type { Pool } from '../db/pool.ts';
import { countRequests, type QuotaRefusal, whoseRequestsCount } from '../db/quotas.ts';

/** How long it counts that a tenant has no quota of requests: so long a new one is not noticed. */
const FRESH_MS = 1_000;
/** Beyond this, what is stale is forgotten. */
const MANY = 1_000;

/**
 * Counts a request of this subject, over all processes of the API; gives why it goes beyond a quota, null when it does not.
 * Never rejects: when the database cannot be asked, the request will hear of that itself.
 */
export type CountRequest = (subject: Subject) => Promise<QuotaRefusal | null>;

type Known = { asked: number; isCounted: Promise<boolean> };

/** A tenant without a quota of requests costs one look a second; what is asked together is asked in one query. */
export function createRequestQuotas(pool: Pool): CountRequest {
  const known = new Map<string, Known>();
  const look = together((tenants: string[]) => whoseRequestsCount(pool, tenants));
  const count = together((subjects: Subject[]) => countRequests(pool, subjects));
  const isCounted = (tenantId: string): Promise<boolean> => {
    const last = known.get(tenantId);
    if (last && isFresh(last)) return last.isCounted;
    if (known.size > MANY) forgetStale(known);
    const asked = { asked: performance.now(), isCounted: look(tenantId) };
    known.set(tenantId, asked);
    asked.isCounted.catch(() => {
      if (known.get(tenantId) === asked) known.delete(tenantId);
    });
    return asked.isCounted;
  };
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

function isFresh({ asked }: Known): boolean {
  return performance.now() - asked < FRESH_MS;
}

function forgetStale(known: Map<string, Known>): void {
  for (const [key, answer] of known) {
    if (!isFresh(answer)) known.delete(key);
  }
}
