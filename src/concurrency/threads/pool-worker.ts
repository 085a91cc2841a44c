import type { Worker } from 'node:worker_threads';

/** What runs the calls of a pool: a thread, or a process with the same methods. */
export type PoolWorker = Pick<
  Worker,
  'on' | 'once' | 'off' | 'postMessage' | 'terminate' | 'ref' | 'unref'
>;
