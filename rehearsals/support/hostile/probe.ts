import { setTimeout as sleep } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

/** What is asked meanwhile, by a thread of its own: whoever makes the bodies has no time. */
export type ProbeTarget = {
  url: string;
  /** Of another tenant. */
  token: string;
  /** Of the Postgres server, where it runs on this machine. */
  postmaster: number | undefined;
  /** Of the process under test. */
  process: number;
};

/** One look: the kind of request and its time in milliseconds, or a size in bytes. */
type Sample = { kind: ProbeKind; at: number; value: number };
export type ProbeKind = 'healthz' | 'neighbour' | 'postgres' | 'process';

const PAUSE_MS = 10;
/** Milliseconds, the same in all threads. */
export const probeClock = () => performance.timeOrigin + performance.now();

export type Probe = {
  /** The largest value of a kind among what was under way since then, and how many there were. */
  largest(kind: ProbeKind, since: number): number;
  /** Resolves when a look of each kind has begun after this moment and ended. */
  settled(): Promise<void>;
  values(kind: ProbeKind, since: number): number[];
  stop(): Promise<void>;
};

/** Starts to ask `/healthz` and the API as another tenant, and to look at memory, again and again. */
export function startProbe(target: ProbeTarget): Probe {
  const thread = new Worker(new URL('./probe-thread.ts', import.meta.url), { workerData: target });
  const samples: Sample[] = [];
  let failure: unknown;
  thread.on('message', (sample: Sample) => samples.push(sample));
  thread.on('error', (error) => {
    failure = error;
  });
  const values = (kind: ProbeKind, since: number) => {
    const found: number[] = [];
    for (let n = samples.length - 1; n >= 0; n -= 1) {
      const sample = samples[n] as Sample;
      // a request that began before and ended after counts, too
      if (sample.at < since) break;
      if (sample.kind === kind) found.push(sample.value);
    }
    return found;
  };
  return {
    values,
    largest: (kind, since) => Math.max(0, ...values(kind, since)),
    async settled() {
      const since = probeClock();
      for (const kind of ['healthz', 'neighbour'] as const) {
        while (!samples.some((one) => one.kind === kind && one.at - one.value > since)) {
          if (failure) throw failure;
          await sleep(PAUSE_MS);
        }
      }
    },
    async stop() {
      await thread.terminate();
    },
  };
}
