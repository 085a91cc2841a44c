/**
 * Returns a function that runs `work` at once, and then at most once per `pauseMs`. Calls during a
 * pause run it once more after the pause.
 */
export function throttle(pauseMs: number, work: () => void | Promise<void>): () => void {
  let isResting = false;
  let isDue = false;
  const begin = async (): Promise<void> => {
    isResting = true;
    isDue = false;
    await work();
    setTimeout(() => {
      isResting = false;
      if (isDue) void begin();
    }, pauseMs).unref();
  };
  return () => {
    isDue = true;
    if (!isResting) void begin();
  };
}
