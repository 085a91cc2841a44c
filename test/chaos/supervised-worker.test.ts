import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createMemoryReader } from '../../chaos/resource-growth/worker-memory.ts';
import { type SupervisedWorker, startSupervisedWorker } from '../../chaos/supervised-worker.ts';
import { testDatabase } from '../support/database.ts';

// The supervisor of a chaos worker replaces a process that ends, and records unexpected ends.

const database = testDatabase();
const folder = mkdtempSync(join(tmpdir(), 'howdah-supervised-'));
const memory = createMemoryReader();
let worker: SupervisedWorker;

beforeAll(async () => {
  const journal = join(folder, 'effects.jsonl');
  writeFileSync(journal, '');
  worker = await startSupervisedWorker({
    ...memory.workerSettings(0),
    name: 'worker-1',
    databaseUrl: database.url,
    modelUrl: 'http://127.0.0.1:9/v1',
    journal,
    logs: folder,
  });
}, 60_000);
afterAll(async () => {
  await worker.stop();
  memory.close();
  rmSync(folder, { recursive: true });
});

async function awaitNextProcess(previous: number): Promise<void> {
  await expect
    .poll(() => worker.pid !== undefined && worker.pid !== previous, { timeout: 60_000 })
    .toBe(true);
}

test('a killed process is replaced, and only unexpected ends are recorded', async () => {
  const first = worker.pid as number;
  worker.signal('SIGKILL');
  await awaitNextProcess(first);
  expect(worker.crashes).toEqual([]);
  const second = worker.pid as number;
  process.kill(second, 'SIGKILL');
  await awaitNextProcess(second);
  expect(worker.crashes).toEqual([
    expect.stringMatching(/^worker-1 ended unexpectedly: SIGKILL\n/),
  ]);
}, 120_000);

test('a frozen process is reported as frozen until it continues', () => {
  worker.signal('SIGSTOP');
  expect(worker.isFrozen).toBe(true);
  worker.signal('SIGCONT');
  expect(worker.isFrozen).toBe(false);
});

test('the memory of a worker is read on a signal', async () => {
  const [usage] = await memory.read([worker]);
  expect(usage?.heap).toBeGreaterThan(1_000_000);
  expect(usage?.rss).toBeGreaterThan(usage?.heap ?? 0);
});
