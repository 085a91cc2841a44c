import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Figure, figure } from '../../bench/figures.ts';
import { startBalancer } from './support/balancer.ts';
import {
  checkOutBefore,
  createFleet,
  type Member,
  type Release,
  THIS_RELEASE,
} from './support/fleet.ts';
import { makeBusyAgent, startLoad } from './support/load.ts';
import { openMachines } from './support/machines.ts';
import { outcome } from './support/outcome.ts';
import type { RehearsalOptions } from './support/rehearsal.ts';

export const title =
  'two sets of API and workers on one database: all is switched to the new one under load, back, and over again';

/** `--seconds`: how long each state lasts; `--clients`: how many of each kind; `--from`: the commit that stands for the release before. */
export async function run({ words, server, talk }: RehearsalOptions): Promise<Figure[]> {
  const { values } = parseArgs({
    args: [...words],
    options: {
      seconds: { type: 'string', default: '3' },
      clients: { type: 'string', default: '2' },
      from: { type: 'string' },
    },
  });
  const pause = () => delay(Number(values.seconds) * 1_000);
  const old = checkOutBefore(values.from);
  const database = await (await server()).createEmptyDatabase();
  const machines = await openMachines(database.url);
  const fleet = createFleet(machines);
  const balancer = await startBalancer();
  try {
    await fleet.migrate(old);
    await makeBusyAgent(database.pool);
    const token = await fleet.token(old);
    talk(machines.kind);
    talk('blue: two APIs and two workers of the release before');
    const blue = await fleet.two('api', old);
    let workers: Member[] = await fleet.two('worker', old);
    await balancer.turnTo(urlsOf(blue));
    const load = startLoad({ url: balancer.url, token }, database.pool, Number(values.clients));
    await pause();
    talk('green comes up beside it: migrations, then two APIs of this release');
    await fleet.migrate(THIS_RELEASE);
    const green = await fleet.two('api', THIS_RELEASE);
    await pause();
    const switches: number[] = [];
    const turns: [string, Release, Member[]][] = [
      ['to green', THIS_RELEASE, green],
      ['back to blue', old, blue],
      ['to green again', THIS_RELEASE, green],
    ];
    for (const [words, release, apis] of turns) {
      talk(`all is switched ${words}`);
      const began = performance.now();
      const next = await fleet.two('worker', release);
      await balancer.turnTo(urlsOf(apis));
      await Promise.all(workers.map((worker) => worker.stop()));
      workers = next;
      switches.push((performance.now() - began) / 1_000);
      await pause();
    }
    const seen = await load.stop();
    talk('no more load; the runs that are under way come to their end');
    const figures = await outcome('blue-green', seen, database.pool, talk);
    await Promise.all([...blue, ...green, ...workers].map((one) => one.stop()));
    return [...figures, figure('blue-green', 'switch_s', switches, 's')];
  } finally {
    balancer.close();
    fleet.end();
    machines.remove();
    await database.drop();
    old.remove();
  }
}

const urlsOf = (apis: readonly Member[]): string[] => apis.map(({ url }) => url);
