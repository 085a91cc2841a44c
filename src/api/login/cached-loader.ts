import { createBatchLoader } from '../../concurrency/batch-loader.ts';

/**
 * Time for which an answer is fresh. Open sockets are checked at the same interval. So a caller
 * without access is disconnected after both times at the latest, which is less than a second.
 */
export const FRESH_MS = 450;
/**
 * Returns the answer of the database to a question, at most `FRESH_MS` old. Rejects as node-pg
 * does.
 */
export type CachedLoader<Q, A> = (question: Q) => Promise<A>;

export type CachedLoaderOptions<Q, A> = {
  /** Returns the key of a question. Questions with the same key have the same answer. */
  keyOf(question: Q): string;
  /** Answers all questions by one query, in the same order. */
  ask(questions: readonly Q[]): Promise<readonly A[]>;
};

type Answer<A> = { requestedAt: number; answer: Promise<A> };

/**
 * Creates a loader that asks each question once per period, however many requests ask it. One query
 * runs at a time and covers all questions that came meanwhile. A client that asks often, such as
 * one that guesses keys, makes the next query longer and takes no second connection. Stale answers
 * are forgotten soon, since they may be large.
 */
export function createCachedLoader<Q, A>(options: CachedLoaderOptions<Q, A>): CachedLoader<Q, A> {
  const known = new Map<string, Answer<A>>();
  const ask = createBatchLoader((questions: Q[]) => options.ask(questions));
  let willForget = false;
  const forgetLater = (): void => {
    if (willForget) return;
    willForget = true;
    setTimeout(() => {
      willForget = false;
      forgetStale(known);
      if (known.size > 0) forgetLater();
    }, FRESH_MS).unref();
  };
  return (question) => {
    const key = options.keyOf(question);
    const before = known.get(key);
    if (before && isFresh(before)) return before.answer;
    const entry = { requestedAt: performance.now(), answer: ask(question) };
    known.set(key, entry);
    forgetLater();
    entry.answer.catch(() => {
      if (known.get(key) === entry) known.delete(key);
    });
    return entry.answer;
  };
}

function isFresh({ requestedAt }: { requestedAt: number }): boolean {
  return performance.now() - requestedAt < FRESH_MS;
}

function forgetStale(known: Map<string, { requestedAt: number }>): void {
  for (const [key, answer] of known) {
    if (!isFresh(answer)) known.delete(key);
  }
}
