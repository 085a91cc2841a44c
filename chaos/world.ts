import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FaultProxy, startFaultProxy } from './faults/fault-proxy.ts';
import type { ModelFault } from './faults/faults.ts';
import { type ChaosModel, startChaosModel } from './load/chaos-model.ts';
import { type ChaosServer, startChaosServer } from './server.ts';
import { createShop } from './load/shop.ts';
import {
  startSupervisedWorker,
  type SupervisedWorkerOptions,
  type SupervisedWorker,
} from './supervised-worker.ts';

/** Everything a run of chaos is made of. */
export type World = {
  seed: number;
  server: ChaosServer;
  model: ChaosModel;
  modelProxy: FaultProxy;
  places: SupervisedWorker[];
  /** What the tools did: `readJournal`. */
  journal: string;
  close(): Promise<void>;
};

export type WorkerSettings = Pick<SupervisedWorkerOptions, 'node' | 'env' | 'mayDie'>;

export type WorldOptions = {
  seed: number;
  workers: number;
  modelFaults: readonly ModelFault[];
  /** What is special about the workers, by their index. */
  place?: ((index: number) => WorkerSettings) | undefined;
  /** Where the database is to lie. */
  home?: string | undefined;
};

/**
 * A database, a model server and workers, each behind a proxy, with nothing wrong so far. At Ctrl-C, at SIGTERM, and when whoever
 * started this process is gone, it closes, and the process ends.
 */
export async function openWorld(options: WorldOptions): Promise<World> {
  const opening = makeWorld(options);
  const interrupt = (): void => {
    opening.then((world) => world.close()).then(...leave);
  };
  for (const event of INTERRUPTS) process.once(event, interrupt);
  const listenNoMore = (): void => {
    for (const event of INTERRUPTS) process.off(event, interrupt);
  };
  try {
    const world = await opening;
    const close = (): Promise<void> => {
      listenNoMore();
      return world.close();
    };
    return { ...world, close };
  } catch (error) {
    listenNoMore();
    throw error;
  }
}

const INTERRUPTS = ['SIGINT', 'SIGTERM', 'disconnect'] as const;
const leave = [() => process.exit(130), () => process.exit(1)] as const;

async function makeWorld(options: WorldOptions): Promise<World> {
  const server = await startChaosServer(options.home);
  try {
    return await makeAround(server, options);
  } catch (error) {
    await server.stop();
    throw error;
  }
}

async function makeAround(server: ChaosServer, options: WorldOptions): Promise<World> {
  const { seed } = options;
  const model = await startChaosModel(seed, options.modelFaults);
  const modelProxy = await startFaultProxy(model.server.url);
  const logs = mkdtempSync(join(tmpdir(), 'howdah-chaos-logs-'));
  const journal = join(logs, 'effects.jsonl');
  writeFileSync(journal, '');
  await createShop(server.pool);
  const places = await Promise.all(
    Array.from({ length: options.workers }, (_, index) =>
      startSupervisedWorker({
        ...options.place?.(index),
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
    await Promise.all(places.map((place) => place.stop()));
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
    places,
    journal,
    close() {
      closing ??= close();
      return closing;
    },
  };
}
