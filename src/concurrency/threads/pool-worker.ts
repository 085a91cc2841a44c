import type { Worker } from 'node:worker_threads';

/** A thread that runs calls of a pool, or a process with the same methods. */
export type PoolWorker = Pick<
  Worker,
  'on' | 'once' | 'off' | 'postMessage' | 'terminate' | 'ref' | 'unref'
>;
