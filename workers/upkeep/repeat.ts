/**
 * Repeats a chore, never two at a time. Returns a function that stops the repetition and waits for
 * the current chore.
 */
export function repeat(ms: number, chore: () => Promise<void>): () => Promise<void> {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();
  const plan = (): void => {
    if (!isOver) {
      timer = setTimeout(() => {
        underWay = chore().finally(plan);
      }, ms);
    }
  };
  plan();
  return async () => {
    isOver = true;
    clearTimeout(timer);
    await underWay;
  };
}
