import { appendFileSync } from 'node:fs';

// Loaded before anything else (`node --expose-gc --import`): on SIGUSR2 this process throws away what it does not need and
// writes a line on what is left.

/**
 * Bytes. `heap` is what is in use after a collection, with what lies outside V8's heap but belongs to its objects. V8 keeps the
 * pages it once needed: they are in `rss` alone, which grows by steps, with the worst moment there was.
 */
export type Reading = { heap: number; rss: number };

const file = process.env.CHAOS_GAUGE;
process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const reading: Reading = { heap: heapUsed + external, rss };
  if (file) appendFileSync(file, `${JSON.stringify(reading)}\n`);
});
