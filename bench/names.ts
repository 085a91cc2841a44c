/** The benches that need nothing but a server: all but `size`, which reads the lock file of this repository. */
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
