import { appendFileSync } from 'node:fs';

// Loaded into workers with `node --expose-gc --import`. On SIGUSR2 the process collects garbage and
// appends its memory usage to a file, as a line of JSON.

/**
 * Memory of a process after a collection, in bytes. `heap` includes external memory of objects. V8
 * retains pages that are no longer used. They count in `rss` alone, which therefore follows the
 * highest usage so far.
 */
export type MemoryUsage = { heap: number; rss: number };

const file = process.env.CHAOS_GAUGE;
process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const { heapUsed, external, rss } = process.memoryUsage();
  const usage: MemoryUsage = { heap: heapUsed + external, rss };
  if (file) appendFileSync(file, `${JSON.stringify(usage)}\n`);
});
