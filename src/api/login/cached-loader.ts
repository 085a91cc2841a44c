import { createBatchLoader } from '../../concurrency/batch-loader.ts';

/**
 * How long an answer counts. A socket is looked at as often: whoever is let in no more is out after both at the latest,
 * which is less than a second.
 */
export const FRESH_MS = 450;
/** Beyond this, what is stale is forgotten. */
const MANY = 1_000;

/** The answer of the database to a question, at most `FRESH_MS` old. Rejects as node-pg does. */
export type CachedLoader<Q, A> = (question: Q) => Promise<A>;

export type CachedLoaderOptions<Q, A> = {
  /** Questions of the same key have the same answer. */
  keyOf(question: Q): string;
  /** One query for all questions; answers in the same order. */
  ask(questions: readonly Q[]): Promise<readonly A[]>;
};

type Answer<A> = { asked: number; answer: Promise<A> };

/**
 * Asks each question once per period, however many requests ask it. One query runs at a time and
 * covers all questions that came meanwhile. A client that asks often, such as one that tries out
 * keys, makes the next query longer and takes no second connection.
 */
export function createCachedLoader<Q, A>(options: CachedLoaderOptions<Q, A>): CachedLoader<Q, A> {
  const known = new Map<string, Answer<A>>();
  const ask = createBatchLoader(async (questions: Q[]) => {
    if (known.size > MANY) forgetStale(known);
    return options.ask(questions);
  });
  return (question) => {
    const key = options.keyOf(question);
    const before = known.get(key);
    if (before && isFresh(before)) return before.answer;
    const asked = { asked: performance.now(), answer: ask(question) };
    known.set(key, asked);
    asked.answer.catch(() => {
      if (known.get(key) === asked) known.delete(key);
    });
    return asked.answer;
  };
}

function isFresh({ asked }: { asked: number }): boolean {
  return performance.now() - asked < FRESH_MS;
}

function forgetStale(known: Map<string, { asked: number }>): void {
  for (const [key, answer] of known) {
    if (!isFresh(answer)) known.delete(key);
  }
}
