import { workerData } from 'node:worker_threads';

// A thread that ends the process of a suspect when its event loop stands still. The database gives
// the run up after ten seconds, but a loop without end would keep a processor for ever, and would
// not notice that the process which started it has ended.

/** The period of the beats of the event loop. */
export const BEAT_MS = 500;
const SILENT_MS = 15_000;

if (workerData instanceof Int32Array) watch(workerData);

function watch(beats: Int32Array): void {
  let last = -1;
  let silentMs = 0;
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    silentMs = now === last ? silentMs + BEAT_MS : 0;
    last = now;
    if (silentMs >= SILENT_MS) process.kill(process.pid, 'SIGKILL');
  }, BEAT_MS);
}
