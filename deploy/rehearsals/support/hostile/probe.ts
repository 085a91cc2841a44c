import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

// The probe measures what hostile bodies cost others, from a thread of its own: the thread that
// makes and sends the bodies is too busy to measure time. Each kind of sample is taken again and
// again, with a short pause, so that no stall longer than the pause is missed.

/** Addresses and processes that the probe measures. */
export type ProbeTarget = {
  url: string;
  /** Token of a user of another tenant. */
  token: string;
  /** Process id of the Postgres server, where it runs on this machine. */
  postmaster: number | undefined;
};

/** Milliseconds that a request took, or bytes of memory; start and end of the measurement. */
export type Sample = { kind: SampleKind; start: number; end: number; value: number };
export type SampleKind = 'healthz' | 'neighbour' | 'run' | 'postgres';

const REQUESTS = ['healthz', 'neighbour', 'run'] as const;
const POLL_MS = 5;

/** Milliseconds by a clock that all threads share. */
export const probeClock = () => performance.timeOrigin + performance.now();

export type Probe = {
  /** Values of the samples taken since a moment, the newest first. */
  values(kind: SampleKind, since: number): number[];
  /** Largest value of the measurements that were under way between two moments. */
  largest(kind: SampleKind, since: number, until: number): number;
  /** Last value of a sample. */
  latest(kind: SampleKind): number;
  /** Resolves when a request of each kind has begun after this moment and ended. */
  waitForSamples(): Promise<void>;
  stop(): Promise<void>;
};

/** Starts to request `/healthz`, to query and run as another tenant, and to measure memory. */
export function startProbe(target: ProbeTarget): Probe {
  const thread = new Worker(new URL('./probe-thread.ts', import.meta.url), { workerData: target });
  const samples: Sample[] = [];
  let failure: unknown;
  thread.on('message', (sample: Sample) => samples.push(sample));
  thread.on('error', (error) => {
    failure = error;
  });
  /** Measurements that ended since a moment, the newest first. */
  const samplesSince = (kind: SampleKind, since: number): Sample[] => {
    const found: Sample[] = [];
    for (let n = samples.length - 1; n >= 0; n -= 1) {
      const sample = samples[n] as Sample;
      if (sample.end < since) break;
      if (sample.kind === kind) found.push(sample);
    }
    return found;
  };
  return {
    values: (kind, since) => samplesSince(kind, since).map(({ value }) => value),
    largest: (kind, since, until) =>
      samplesSince(kind, since)
        .filter(({ start }) => start < until)
        .reduce((largest, { value }) => Math.max(largest, value), 0),
    latest: (kind) => samples.findLast((sample) => sample.kind === kind)?.value ?? 0,
    async waitForSamples() {
      const since = probeClock();
      const isSettled = () =>
        REQUESTS.every((kind) => samplesSince(kind, since).some(({ start }) => start > since));
      while (!isSettled()) {
        if (failure) throw failure;
        await sleep(POLL_MS);
      }
    },
    async stop() {
      await thread.terminate();
    },
  };
}
