/**
 * The benches of `howdah dev bench`: all but `size`, which reads the lock file of a checkout,
 * `knowledge`, which reads test data, and `console`, which needs a browser.
 */
export const BENCH_NAMES = [
  'steps',
  'latency',
  'control',
  'bulk',
  'guards',
  'query',
  'encryption',
  'subscribers',
  'start-lag',
  'fan-out',
  'waiting',
  'recovery',
  'coldstart',
  'history',
  'queued',
  'grading',
  'grading-rules',
  'tool-cache',
  'write-back',
] as const;
