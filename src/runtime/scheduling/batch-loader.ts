type Question<A> = { id: string; resolve(answer: A): void; reject(error: unknown): void };

/**
 * Asks for many at once: while one query is on its way the questions gather for the next. So each answer is of a moment after
 * it was asked for, and many who ask at the same time cost one query. Rejects all of a query that fails.
 */
export function gathered<A>(
  ask: (ids: readonly string[]) => Promise<ReadonlyMap<string, A>>,
): (id: string) => Promise<A> {
  let waiting: Question<A>[] = [];
  let isAsking = false;
  const askAll = async (): Promise<void> => {
    isAsking = true;
    await undefined; // gathers what is asked in this turn of the event loop
    while (waiting.length > 0) {
      const asked = waiting;
      waiting = [];
      try {
        const answers = await ask(asked.map(({ id }) => id));
        for (const { id, resolve } of asked) resolve(answers.get(id) as A);
      } catch (error) {
        for (const { reject } of asked) reject(error);
      }
    }
    isAsking = false;
  };
  return (id) =>
    new Promise<A>((resolve, reject) => {
      waiting.push({ id, resolve, reject });
      if (!isAsking) void askAll();
    });
}
