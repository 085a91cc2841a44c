import { Worker } from 'node:worker_threads';
import type { CodeFault, CodeJob, CodeReport } from './job.ts';
import { Room } from './room.ts';

/** What a job may take beyond its time to come to an end by itself: after that its thread is ended. */
const GRACE_MS = 250;
const START_MS = 10_000;
const IDLE_MS = 30_000;
/** Of the thread's own heap, which holds no more than what a job prints and gives; its interpreter's memory is beside it. */
const HEAP_MB = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16, stackSizeMb: 4 };
const PROGRAM = new URL(
  import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js',
  import.meta.url,
);

type Ended = { report: CodeReport; isAlive: boolean };

/**
 * Threads that run JavaScript: begun when there is a job, at most `size`, ended after half a minute without one. One that
 * does not come to an end in time, or whose job is aborted, is terminated.
 */
export class Threads {
  readonly #room: Room;
  readonly #idle = new Set<Worker>();

  constructor(size: number) {
    this.#room = new Room(size);
  }

  /** The threads that wait for a job. */
  get idle(): ReadonlySet<Worker> {
    return this.#idle;
  }

  /** Rejects with the signal's reason when it fires; nothing of the job runs any more then. */
  run(job: CodeJob, signal: AbortSignal): Promise<CodeReport> {
    return this.#room.within(signal, async () => {
      const worker = this.#take() ?? this.#begin();
      worker.ref();
      const { report, isAlive } = await runIn(worker, job, signal);
      if (isAlive) this.#keep(worker);
      return report;
    });
  }

  #begin(): Worker {
    const worker = new Worker(PROGRAM, {
      ...{ env: {}, execArgv: [], stdin: false, stdout: true, stderr: true },
      resourceLimits: HEAP_MB,
    });
    worker.on('error', () => {}); // whoever waits for a report hears of it
    worker.on('exit', () => this.#idle.delete(worker));
    return worker;
  }

  #take(): Worker | undefined {
    const [worker] = this.#idle;
    if (worker) this.#idle.delete(worker);
    return worker;
  }

  #keep(worker: Worker): void {
    worker.unref(); // a process that has nothing else to do ends
    this.#idle.add(worker);
    const idle = setTimeout(() => {
      if (this.#idle.delete(worker)) void worker.terminate();
    }, IDLE_MS);
    idle.unref();
  }
}

function runIn(worker: Worker, job: CodeJob, signal: AbortSignal): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer);
      worker.off('message', hear).off('error', fail).off('exit', fail);
      signal.removeEventListener('abort', abort);
    };
    const stop = async (fault: CodeFault): Promise<void> => {
      end();
      await worker.terminate();
      resolve({ report: { stdout: '', ...fault }, isAlive: false });
    };
    const hear = (message: 'begun' | CodeReport): void => {
      clearTimeout(timer);
      if (message === 'begun') {
        timer = setTimeout(stop, job.timeout_ms + GRACE_MS, { fault: 'time', message: '' });
      } else {
        end();
        resolve({ report: message, isAlive: true });
      }
    };
    const fail = (error: unknown): void => void stop(faultOf(error));
    const abort = async (): Promise<void> => {
      end();
      await worker.terminate();
      reject(signal.reason);
    };
    let timer = setTimeout(stop, START_MS, { fault: 'lost', message: 'its thread did not start' });
    worker.on('message', hear).once('error', fail).once('exit', fail);
    signal.addEventListener('abort', abort, { once: true });
    worker.postMessage(job);
    if (signal.aborted) void abort();
  });
}

function faultOf(error: unknown): CodeFault {
  const { code } = error as { code?: string };
  return code === 'ERR_WORKER_OUT_OF_MEMORY'
    ? { fault: 'memory', message: '' }
    : { fault: 'lost', message: 'its thread ended' };
}
