import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Figure, figure } from '../../bench/figures.ts';
import { type Balancer, startBalancer } from './support/balancer.ts';
import {
  checkOutBefore,
  createFleet,
  type Fleet,
  type Member,
  THIS_RELEASE,
} from './support/fleet.ts';
import { makeBusyAgent, startLoad } from './support/load.ts';
import { openMachines } from './support/machines.ts';
import { outcome, whileMigrating } from './support/outcome.ts';
import type { RehearsalOptions } from './support/rehearsal.ts';

export const title =
  'two APIs and two workers are replaced one by one under load, with the migrations in the middle';

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
    talk('two APIs and two workers of the release before, and their load');
    const [apis, workers] = await Promise.all([fleet.two('api', old), fleet.two('worker', old)]);
    await balancer.turnTo(apis.map(({ url }) => url));
    const load = startLoad({ url: balancer.url, token }, database.pool, Number(values.clients));
    await pause();
    talk('the migrations of this release');
    const began = performance.now();
    await fleet.migrate(THIS_RELEASE);
    const migrated = performance.now() - began;
    talk('the release before on the schema of this one');
    await pause();
    const leaving = { api: [] as number[], worker: [] as number[] };
    for (const at of [0, 1]) {
      for (const members of [workers, apis]) {
        const { part } = members[at] as Member;
        talk(`${part} ${at + 1} of 2 is replaced`);
        const { member, ms } = await replaceMember(
          { fleet, balancer, talk },
          members[at] as Member,
        );
        members[at] = member;
        leaving[part].push(ms / 1_000);
        talk(`  the old one went within ${(ms / 1_000).toFixed(1)} s`);
      }
      await pause();
    }
    const seen = await load.stop();
    talk('no more load; the runs that are under way come to their end');
    const figures = await outcome('deploy', seen, database.pool, talk);
    await Promise.all([...apis, ...workers].map((one) => one.stop()));
    return [
      ...whileMigrating('deploy', seen, began, migrated),
      ...figures,
      figure('deploy', 'given_to_another_api', balancer.retried, 'requests'),
      figure('deploy', 'api_leaves_s', leaving.api, 's', { atMost: 15 }),
      figure('deploy', 'worker_leaves_s', leaving.worker, 's', { atMost: 15 }),
    ];
  } finally {
    balancer.close();
    fleet.end();
    machines.remove();
    await database.drop();
    old.remove();
  }
}

/** First the new one comes, then the old one goes by SIGTERM alone: it says itself that it goes. */
async function replaceMember(
  { fleet, balancer, talk }: { fleet: Fleet; balancer: Balancer; talk(line: string): void },
  { part, url, stop }: Member,
): Promise<{ member: Member; ms: number }> {
  const member = await fleet.start(part, THIS_RELEASE);
  talk('  the new one has started');
  if (part === 'api') {
    balancer.join(member.url);
    await balancer.ready(member.url);
    talk('  and is ready');
  }
  const ms = await stop();
  balancer.leave(url);
  return { member, ms };
}
