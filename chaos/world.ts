import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FaultProxy, startFaultProxy } from './faults/fault-proxy.ts';
import type { ModelFault } from './faults/faults.ts';
import { type ChaosModel, startChaosModel } from './load/chaos-model.ts';
import { createLimits } from './load/limits.ts';
import { createShop } from './load/shop.ts';
import { type ChaosServer, startChaosServer } from './server.ts';
import {
  type SupervisedWorker,
  type SupervisedWorkerOptions,
  startSupervisedWorker,
} from './supervised-worker.ts';

/** The system under test: a database, a model server, and workers behind proxies. */
export type World = {
  seed: number;
  server: ChaosServer;
  model: ChaosModel;
  modelProxy: FaultProxy;
  workers: SupervisedWorker[];
  /** Path of the file in which tools record their effects. `readJournal` reads it. */
  journal: string;
  close(): Promise<void>;
};

export type WorkerSettings = Pick<SupervisedWorkerOptions, 'node' | 'env' | 'mayDie'>;

export type WorldOptions = {
  seed: number;
  workerCount: number;
  modelFaults: readonly ModelFault[];
  /** Whether limits are set. */
  hasLimits?: boolean;
  /** Returns the settings of a worker by its index. */
  workerSettings?: ((index: number) => WorkerSettings) | undefined;
  /** The folder of the database server; default: a temporary folder. */
  home?: string | undefined;
};

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'disconnect'] as const;

/**
 * Starts a world without faults. On Ctrl-C, on SIGTERM, and when the parent process ends, the world
 * is closed and the process exits.
 */
export async function openWorld(options: WorldOptions): Promise<World> {
  const opening = startWorld(options);
  const closeAndExit = (): void => {
    opening
      .then((world) => world.close())
      .then(
        () => process.exit(130),
        () => process.exit(1),
      );
  };
  for (const event of INTERRUPTS) process.once(event, closeAndExit);
  const removeListeners = (): void => {
    for (const event of INTERRUPTS) process.off(event, closeAndExit);
  };
  try {
    const world = await opening;
    const close = (): Promise<void> => {
      removeListeners();
      return world.close();
    };
    return { ...world, close };
  } catch (error) {
    removeListeners();
    throw error;
  }
}

async function startWorld(options: WorldOptions): Promise<World> {
  const server = await startChaosServer(options.home);
  try {
    return await startAround(server, options);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

/** Starts everything else around a running server. */
async function startAround(server: ChaosServer, options: WorldOptions): Promise<World> {
  const { seed } = options;
  const model = await startChaosModel(seed, options.modelFaults);
  const modelProxy = await startFaultProxy(model.server.url);
  const logs = mkdtempSync(join(tmpdir(), 'howdah-chaos-logs-'));
  const journal = join(logs, 'effects.jsonl');
  writeFileSync(journal, '');
  await createShop(server.pool);
  if (options.hasLimits) await createLimits(server.pool);
  const workers = await Promise.all(
    Array.from({ length: options.workerCount }, (_, index) =>
      startSupervisedWorker({
        ...options.workerSettings?.(index),
        name: `worker-${index + 1}`,
        databaseUrl: server.url,
        modelUrl: modelProxy.url,
        journal,
        logs,
      }),
    ),
  );
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    await Promise.all(workers.map((worker) => worker.stop()));
    await modelProxy.close();
    await model.server.close();
    await server.stop();
    rmSync(logs, { recursive: true, force: true });
  };
  return {
    seed,
    server,
    model,
    modelProxy,
    workers,
    journal,
    close() {
      closing ??= close();
      return closing;
    },
  };
}
