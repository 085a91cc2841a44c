import { setTimeout as delay } from 'node:timers/promises';
import { type Figure, figure } from '../../bench/figures.ts';
import { type Balancer, startBalancer } from './support/balancer.ts';
import { createFleet, type Fleet, type FleetProcess } from './support/fleet.ts';
import { makeBusyAgent, startLoad } from './support/load.ts';
import { loadFigures } from './support/load-figures.ts';
import { createMachines } from './support/machines.ts';
import type { RehearsalOptions } from './support/rehearsal.ts';
import {
  checkOutPrevious,
  RELEASE_USAGE,
  type Release,
  readReleaseOptions,
  THIS_RELEASE,
} from './support/releases.ts';

export const title =
  'switches a loaded installation from blue to green, back, and to green again, on one database';

export const usage = RELEASE_USAGE;

/**
 * Starts blue from the previous release and green from this one, and switches between them under
 * load.
 */
export async function run({ argv, server, log }: RehearsalOptions): Promise<Figure[]> {
  const { seconds, clients, from } = readReleaseOptions(argv);
  const pause = () => delay(seconds * 1_000);
  const old = checkOutPrevious(from);
  const database = await (await server()).createEmptyDatabase();
  const machines = await createMachines(database.url);
  const fleet = createFleet(machines);
  const balancer = await startBalancer();
  try {
    await fleet.migrate(old);
    await makeBusyAgent(database.pool);
    const token = await fleet.createToken(old);
    log(machines.description);
    log('starting blue: two APIs and two workers of the previous release');
    const blue = await fleet.startTwo('api', old);
    let workers: FleetProcess[] = await fleet.startTwo('worker', old);
    await balancer.switchTo(urlsOf(blue));
    const load = startLoad({ url: balancer.url, token }, database.pool, clients);
    await pause();
    log('starting green: migrations, then two APIs of this release');
    await fleet.migrate(THIS_RELEASE);
    const green = await fleet.startTwo('api', THIS_RELEASE);
    await pause();
    const switches: number[] = [];
    const targets: [string, Release, FleetProcess[]][] = [
      ['to green', THIS_RELEASE, green],
      ['back to blue', old, blue],
      ['to green again', THIS_RELEASE, green],
    ];
    for (const [direction, release, apis] of targets) {
      log(`switching ${direction}`);
      const startedAt = performance.now();
      workers = await switchTo({ fleet, balancer }, release, apis, workers);
      switches.push((performance.now() - startedAt) / 1_000);
      await pause();
    }
    const observations = await load.stop();
    log('the load has stopped; waiting for live runs to end');
    const figures = await loadFigures('blue-green', observations, database.pool, log);
    await Promise.all([...blue, ...green, ...workers].map((one) => one.stop()));
    return [...figures, figure('blue-green', 'switch_s', switches, 's')];
  } finally {
    balancer.close();
    fleet.killAll();
    machines.remove();
    await database.drop();
    old.remove();
  }
}

/** Switches requests to other APIs, and runs to new workers. Returns the new workers. */
async function switchTo(
  { fleet, balancer }: { fleet: Fleet; balancer: Balancer },
  release: Release,
  apis: readonly FleetProcess[],
  workers: readonly FleetProcess[],
): Promise<FleetProcess[]> {
  const next = await fleet.startTwo('worker', release);
  await balancer.switchTo(urlsOf(apis));
  await Promise.all(workers.map((worker) => worker.stop()));
  return next;
}

const urlsOf = (apis: readonly FleetProcess[]): string[] => apis.map(({ url }) => url);
