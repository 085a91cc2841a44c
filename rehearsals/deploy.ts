import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { type Figure, figure } from '../bench/figures.ts';
import { type Balancer, startBalancer } from './support/balancer.ts';
import {
  checkOutBefore,
  createFleet,
  type Fleet,
  type Member,
  THIS_RELEASE,
} from './support/fleet.ts';
import { makeBusyAgent, startLoad } from './support/load.ts';
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
  const fleet = createFleet(database.url);
  const balancer = await startBalancer();
  try {
    await fleet.migrate(old);
    await makeBusyAgent(database.pool);
    talk('two APIs and two workers of the release before, and their load');
    const apis = [await fleet.start('api', old), await fleet.start('api', old)];
    const workers = [await fleet.start('worker', old), await fleet.start('worker', old)];
    await balancer.turnTo(apis.map(({ url }) => url));
    const load = startLoad(balancer.url, database.pool, Number(values.clients));
    await pause();
    talk('the migrations of this release');
    const began = performance.now();
    await fleet.migrate(THIS_RELEASE);
    const migrated = performance.now() - began;
    talk('the release before on the schema of this one');
    await pause();
    const tools = { fleet, balancer };
    for (const [at, worker] of workers.entries()) {
      talk(`worker ${at + 1} of 2 is replaced`);
      workers[at] = (await replaced(tools, worker)).member;
      talk(`API ${at + 1} of 2 is replaced`);
      // the release before may not say that it drains: whoever deploys takes it out of the balancer first
      apis[at] = (await replaced(tools, apis[at] as Member, true)).member;
      await pause();
    }
    const drains: number[] = [];
    for (const [at, api] of apis.entries()) {
      talk(`API ${at + 1} of 2 is replaced once more, by SIGTERM alone`);
      const { member, ms } = await replaced(tools, api);
      apis[at] = member;
      drains.push(ms);
    }
    const handOvers: number[] = [];
    for (const [at, worker] of workers.entries()) {
      talk(`worker ${at + 1} of 2 is replaced once more`);
      const { member, ms } = await replaced(tools, worker);
      workers[at] = member;
      handOvers.push(ms);
    }
    await pause();
    const seen = await load.stop();
    talk('no more load; the runs that are under way come to their end');
    const figures = await outcome('deploy', seen, database.pool, talk);
    await Promise.all([...apis, ...workers].map((one) => one.stop()));
    return [
      ...whileMigrating('deploy', seen, began, migrated),
      ...figures,
      figure('deploy', 'given_to_another_api', balancer.retried, 'requests'),
      figure(
        'deploy',
        'api_leaves_s',
        drains.map((ms) => ms / 1_000),
        's',
        { atMost: 10 },
      ),
      figure(
        'deploy',
        'worker_leaves_s',
        handOvers.map((ms) => ms / 1_000),
        's',
        { atMost: 15 },
      ),
    ];
  } finally {
    balancer.close();
    fleet.end();
    await database.drop();
    old.remove();
  }
}

/** First the new one, then the old one goes. */
async function replaced(
  { fleet, balancer }: { fleet: Fleet; balancer: Balancer },
  { part, url, stop }: Member,
  isTakenOut = false,
): Promise<{ member: Member; ms: number }> {
  const drain = part === 'api' ? ['--drain', '1s'] : [];
  const member = await fleet.start(part, THIS_RELEASE, drain);
  if (part === 'api') {
    balancer.join(member.url);
    await balancer.ready(member.url);
    if (isTakenOut) balancer.leave(url);
  }
  const ms = await stop();
  balancer.leave(url);
  return { member, ms };
}
