import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SupervisedWorker } from '../supervised-worker.ts';
import type { WorkerSettings } from '../world.ts';
import type { MemoryUsage } from './memory-preload.ts';

const MEMORY_PRELOAD = fileURLToPath(new URL('memory-preload.ts', import.meta.url));
const MOST_WAIT_MS = 10_000;

/** Reads the memory usage of workers, which each worker writes to a file on a signal. */
export type MemoryReader = {
  /** Returns the settings with which a worker must be started. */
  workerSettings(index: number): WorkerSettings;
  /** Reads the usage of each worker after a collection. Throws if a worker does not answer. */
  read(workers: readonly SupervisedWorker[]): Promise<MemoryUsage[]>;
  close(): void;
};

export function createMemoryReader(): MemoryReader {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-soak-'));
  const fileOf = (index: number) => join(folder, `worker-${index}.jsonl`);
  const readLines = (index: number) => readFileSync(fileOf(index), 'utf8').split('\n').slice(0, -1);
  const readWorker = async (worker: SupervisedWorker, index: number): Promise<MemoryUsage> => {
    const count = readLines(index).length;
    worker.signal('SIGUSR2');
    for (let waitedMs = 0; waitedMs < MOST_WAIT_MS; waitedMs += 20) {
      const line = readLines(index)[count];
      if (line) return JSON.parse(line) as MemoryUsage;
      await sleep(20);
    }
    throw new Error(`worker ${index + 1} did not report its memory within ${MOST_WAIT_MS} ms`);
  };
  return {
    workerSettings(index) {
      writeFileSync(fileOf(index), '');
      return {
        node: ['--expose-gc', '--import', MEMORY_PRELOAD],
        env: { CHAOS_GAUGE: fileOf(index) },
      };
    },
    read: (workers) => Promise.all(workers.map(readWorker)),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}
