const LOOK_MS = 500;

/**
 * Calls `stop` when the parent of this process has ended. npm passes no signal on through the shell
 * between them, and `kill` of an `npx howdah start` would leave a server behind.
 */
export function exitWithParent(stop: () => void): () => void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) stop();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
