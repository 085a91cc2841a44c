/**
 * The benches of the command line. Only `size` is missing, which reads the lock file of a checkout.
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
] as const;
