import { writeSync } from 'node:fs';
import { url as inspectorUrl } from 'node:inspector';
import { Worker, workerData } from 'node:worker_threads';
import { moduleBeside } from '../concurrency/thread-pool.ts';

// A thread that ends this process when its event loop stands still. The database gives the runs of
// such a process up after ten seconds, but a loop without end would keep a processor for ever, and
// a process that takes no runs would not be replaced. Its end counts as a death of its runs, so
// that the guilty one is found.

/** The period of the beats of the event loop. */
const BEAT_MS = 500;

type Order = { beats: Int32Array; silentMs: number; line: string };

/**
 * Starts the thread, which ends this process by SIGKILL once the event loop has stood still for
 * some time. Returns the function that stops the thread.
 */
export function startWatchdog(silentMs: number): () => void {
  const beats = new Int32Array(new SharedArrayBuffer(4));
  const line = `The event loop stood still for ${silentMs / 1_000} s: this process is ended.\n`;
  const order: Order = { beats, silentMs, line };
  const program = new URL(moduleBeside('./watchdog.ts', import.meta.url));
  const thread = new Worker(program, { workerData: { watchdog: order } });
  thread.unref();
  const timer = setInterval(() => {
    // A debugger may hold the event loop as long as it likes.
    Atomics.store(beats, 0, inspectorUrl() === undefined ? Atomics.load(beats, 0) + 1 : -1);
  }, BEAT_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
    void thread.terminate();
  };
}

const { watchdog } = (workerData ?? {}) as { watchdog?: Order };
if (watchdog) watch(watchdog);

function watch({ beats, silentMs, line }: Order): void {
  let last = -1;
  let silent = 0;
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    silent = now === last && now !== -1 ? silent + BEAT_MS : 0;
    last = now;
    if (silent < silentMs) return;
    writeSync(2, line);
    process.kill(process.pid, 'SIGKILL');
  }, BEAT_MS);
}
