import { Worker, workerData } from 'node:worker_threads';

// A thread that ends this process when it uses too much memory. The limit of the heap does not
// count buffers, and decompression makes buffers of any size while the event loop stands still.

const PERIOD_MS = 20;

type Order = { memoryWatch: { bytes: number } };

/** Starts the thread, which ends this process as V8 does when its heap is used up. */
export function watchMemory(memory_mb: number): void {
  const order: Order = { memoryWatch: { bytes: memory_mb * 1024 * 1024 } };
  new Worker(new URL(import.meta.url), { workerData: order }).unref();
}

const { memoryWatch } = (workerData ?? {}) as Partial<Order>;
if (memoryWatch) {
  setInterval(() => {
    if (process.memoryUsage.rss() > memoryWatch.bytes) process.kill(process.pid, 'SIGABRT');
  }, PERIOD_MS);
}
