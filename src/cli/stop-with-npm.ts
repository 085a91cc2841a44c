const LOOK_MS = 500;
const BY_HAND = new Set(['npx', 'start']);

/**
 * Calls `stop` when npm is gone that started this process: it passes no signal on through the shell between them, and
 * `kill` of an `npx howdah start` would leave a server behind.
 */
export function stopWithNpm(stop: () => void, env: NodeJS.ProcessEnv = process.env): () => void {
  if (!BY_HAND.has(env.npm_lifecycle_event ?? '')) return () => {};
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) stop();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}
