import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type FaultProxy, startFaultProxy } from '../test/support/fault-proxy.ts';
import type { ModelFault } from './faults.ts';
import { type ChaosModel, startChaosModel } from './model.ts';
import { type ChaosServer, startChaosServer } from './server.ts';
import { openShop } from './shop.ts';
import { openPlace, type PlaceOptions, type WorkerPlace } from './workers.ts';

/** Everything a run of chaos is made of. */
export type World = {
  seed: number;
  server: ChaosServer;
  model: ChaosModel;
  modelProxy: FaultProxy;
  places: WorkerPlace[];
  /** What the tools did: `readJournal`. */
  journal: string;
  close(): Promise<void>;
};

export type PlaceChange = Pick<PlaceOptions, 'node' | 'env' | 'mayDie'>;

export type WorldOptions = {
  seed: number;
  workers: number;
  modelFaults: readonly ModelFault[];
  /** What is special about the workers, by their index. */
  place?: ((index: number) => PlaceChange) | undefined;
  /** Where the database is to lie. */
  home?: string | undefined;
};

/** A database, a model server and workers, each behind a proxy, with nothing wrong so far. */
export async function openWorld(options: WorldOptions): Promise<World> {
  const { seed } = options;
  const server = await startChaosServer(options.home);
  const model = await startChaosModel(seed, options.modelFaults);
  const modelProxy = await startFaultProxy(model.server.url);
  const logs = mkdtempSync(join(tmpdir(), 'howdah-chaos-logs-'));
  const journal = join(logs, 'effects.jsonl');
  writeFileSync(journal, '');
  await openShop(server.pool);
  const places = await Promise.all(
    Array.from({ length: options.workers }, (_, index) =>
      openPlace({
        ...options.place?.(index),
        name: `worker-${index + 1}`,
        databaseUrl: server.url,
        modelUrl: modelProxy.url,
        journal,
        logs,
      }),
    ),
  );
  const world: World = {
    seed,
    server,
    model,
    modelProxy,
    places,
    journal,
    async close() {
      process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
      await Promise.all(places.map((place) => place.stop()));
      await modelProxy.close();
      await model.server.close();
      await server.stop();
      rmSync(logs, { recursive: true, force: true });
    },
  };
  const interrupt = (): void => void world.close().finally(() => process.exit(130));
  process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
  return world;
}
