import { setTimeout as delay } from 'node:timers/promises';
import { type Figure, figure } from '../../bench/figures.ts';
import { type Balancer, startBalancer } from './support/balancer.ts';
import { createFleet, type Fleet, type FleetProcess } from './support/fleet.ts';
import { makeBusyAgent, startLoad } from './support/load.ts';
import { loadFigures, migrationFigures } from './support/load-figures.ts';
import { createMachines } from './support/machines.ts';
import type { RehearsalOptions } from './support/rehearsal.ts';
import {
  checkOutPrevious,
  RELEASE_USAGE,
  readReleaseOptions,
  THIS_RELEASE,
} from './support/releases.ts';

export const title =
  'migrates a loaded installation, and replaces its two APIs and two workers one by one';

export const usage = RELEASE_USAGE;

/** Seconds within which a process must end after SIGTERM. */
const MAX_STOP_S = 15;

/** Deploys this release over the previous one under load. */
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
    log('starting two APIs and two workers of the previous release, and the load');
    const [apis, workers] = await Promise.all([
      fleet.startTwo('api', old),
      fleet.startTwo('worker', old),
    ]);
    await balancer.switchTo(apis.map(({ url }) => url));
    const load = startLoad({ url: balancer.url, token }, database.pool, clients);
    await pause();
    log('migrating to the schema of this release');
    const startedAt = performance.now();
    await fleet.migrate(THIS_RELEASE);
    const migrationMs = performance.now() - startedAt;
    log('the previous release runs on the new schema');
    await pause();
    const stops = await replaceAll({ fleet, balancer, log, pause }, { apis, workers });
    const observations = await load.stop();
    log('the load has stopped; waiting for live runs to end');
    const figures = await loadFigures('deploy', observations, database.pool, log);
    await Promise.all([...apis, ...workers].map((one) => one.stop()));
    return [
      ...migrationFigures('deploy', observations, startedAt, migrationMs),
      ...figures,
      figure('deploy', 'given_to_another_api', balancer.retries, 'requests'),
      figure('deploy', 'api_leaves_s', stops.api, 's', { atMost: MAX_STOP_S }),
      figure('deploy', 'worker_leaves_s', stops.worker, 's', { atMost: MAX_STOP_S }),
    ];
  } finally {
    balancer.close();
    fleet.killAll();
    machines.remove();
    await database.drop();
    old.remove();
  }
}

type Installation = { fleet: Fleet; balancer: Balancer; log(line: string): void };

/**
 * Replaces all processes by those of this release, in the lists that are passed. Returns the
 * seconds that the old ones took to stop.
 */
async function replaceAll(
  { pause, ...installation }: Installation & { pause(): Promise<void> },
  { apis, workers }: { apis: FleetProcess[]; workers: FleetProcess[] },
): Promise<{ api: number[]; worker: number[] }> {
  const stops = { api: [] as number[], worker: [] as number[] };
  for (const index of [0, 1]) {
    for (const processes of [workers, apis]) {
      const old = processes[index] as FleetProcess;
      installation.log(`replacing ${old.kind} ${index + 1} of 2`);
      const { replacement, stopMs } = await replaceProcess(installation, old);
      processes[index] = replacement;
      stops[old.kind].push(stopMs / 1_000);
      installation.log(`  the old one stopped within ${(stopMs / 1_000).toFixed(1)} s`);
    }
    await pause();
  }
  return stops;
}

/**
 * Starts a process of this release, and then stops the old one by SIGTERM. The balancer learns from
 * `/readyz` alone that the old one stops.
 */
async function replaceProcess(
  { fleet, balancer, log }: Installation,
  { kind, url, stop }: FleetProcess,
): Promise<{ replacement: FleetProcess; stopMs: number }> {
  const replacement = await fleet.start(kind, THIS_RELEASE);
  log('  the new one has started');
  if (kind === 'api') {
    balancer.add(replacement.url);
    await balancer.waitUntilReady(replacement.url);
    log('  the new one is ready');
  }
  const stopMs = await stop();
  balancer.remove(url);
  return { replacement, stopMs };
}
