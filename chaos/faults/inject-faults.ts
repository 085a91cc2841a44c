import { setTimeout as sleep } from 'node:timers/promises';
import { loseAnswers, type ProxyConnection } from './fault-proxy.ts';
import { rotateDataKeys, switchEncryption } from './encryption.ts';
import type { FaultKind, PlannedFault } from './faults.ts';
import { retryWhileUnavailable } from '../server.ts';
import type { SupervisedWorker } from '../supervised-worker.ts';
import type { World } from '../world.ts';

/** What a fault hit: runs that were being worked on, so that it can be seen when they went on. */
export type InjectedFault = { kind: FaultKind; at: number; held: string[] };

/** Longer than any worker may be silent before it is taken for dead. */
const BEYOND_LEASE_MS = 11_500;

/** One worker is left, so that what is measured is how long it takes to go on, and not to start processes. */
const NEEDS_SURVIVOR: readonly FaultKind[] = ['kill', 'freeze', 'pause_process', 'drain'];

/** Does what is planned, each fault at its time and beside the others. Resolves when the last one is over. */
export async function injectFaults(
  world: World,
  faults: readonly PlannedFault[],
): Promise<InjectedFault[]> {
  const startedAt = performance.now();
  const done = await Promise.all(
    faults.map(async (fault) => {
      await sleep(Math.max(0, fault.at - (performance.now() - startedAt)));
      return inject(world, fault);
    }),
  );
  return done.filter((one) => one !== undefined);
}

/** Undefined when there was nothing to do it to. */
async function inject(
  world: World,
  { kind, dice }: PlannedFault,
): Promise<InjectedFault | undefined> {
  const free = world.places.filter((place) => place.pid !== undefined && !place.isFrozen);
  const place = free[Math.floor(dice * free.length)];
  const fraction = (dice * 997) % 1; // other digits of the same dice
  if (!place || (NEEDS_SURVIVOR.includes(kind) && free.length < 2)) {
    return undefined;
  }
  const held = await runsOf(world, isOfOneWorker(kind) ? place : undefined);
  const at = Date.now();
  await ACTIONS[kind](world, place, fraction);
  return { kind, at, held };
}

function isOfOneWorker(kind: FaultKind): boolean {
  return [
    'kill',
    'freeze',
    'pause_process',
    'drain',
    'cut',
    'hold',
    'blackhole',
    'half_open',
  ].includes(kind);
}

async function runsOf({ server }: World, place: SupervisedWorker | undefined): Promise<string[]> {
  try {
    const { rows } = await server.pool.query(
      `select e.id from howdah.executions as e join howdah_private.workers as w on w.id = e.owner_worker
       where e.status = 'running' and ($1::int is null or w.pid = $1) limit 500`,
      [place?.pid ?? null],
    );
    return rows.map(({ id }) => id);
  } catch {
    return []; // the database is away: when they went on is not known
  }
}

type Action = (world: World, place: SupervisedWorker, fraction: number) => Promise<unknown>;

const ACTIONS: Record<FaultKind, Action> = {
  kill: async (_world, place) => place.signal('SIGKILL'),
  freeze: (_world, place, fraction) => freeze(place, BEYOND_LEASE_MS + fraction * 3_000),
  pause_process: (_world, place, fraction) => freeze(place, 500 + fraction * 4_000),
  drain: async (_world, place) => place.signal('SIGTERM'),
  terminate: ({ server }, _place, fraction) =>
    server.pool
      .query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name like 'howdah-%' and hashint4(pid) % 100 < $1 * 100`,
        [0.2 + fraction * 0.8],
      )
      .catch(() => {}),
  kill_backend: ({ server }, _place, fraction) => server.killBackend(fraction).catch(() => {}),
  restart_fast: ({ server }, _place, fraction) => server.restart('fast', fraction * 2_000),
  restart_immediate: ({ server }, _place, fraction) =>
    server.restart('immediate', fraction * 2_000),
  cut: async (_world, place) => place.proxy.cutAll(),
  hold: (_world, place, fraction) => delayPackets(place, fraction < 0.5 ? 3_000 : 14_000),
  blackhole: (_world, place, fraction) => dropPackets(place, fraction < 0.5 ? 3_000 : 13_000),
  half_open: async (_world, place) => silence(place),
  slow: (_world, place, fraction) => slowPackets(place, 3_000 + fraction * 4_000),
  lose_answer: (_world, place) => loseAnswer(place),
  cut_midway: (_world, place, fraction) => cutMidway(place, fraction),
  cut_models: async ({ modelProxy }, _place, fraction) => {
    modelProxy.cutAll();
    modelProxy.isDown = true;
    await sleep(fraction * 1_000);
    modelProxy.isDown = false;
  },
  duplicate_wakeups: ({ server }) => server.pool.query(DUPLICATES).catch(() => {}),
  switch_encryption: ({ server }) => retryWhileUnavailable(() => switchEncryption(server.pool)),
  rotate_data_key: ({ server }) => retryWhileUnavailable(() => rotateDataKeys(server.pool)),
};

const DUPLICATES = `
  select graphile_worker.add_job('advance', json_build_object('id', e.id), job_key => e.id || ' twin ' || i)
  from howdah.executions as e cross join generate_series(1, 3) as i
  where e.completed_at is null`;

async function freeze(place: SupervisedWorker, ms: number): Promise<void> {
  place.signal('SIGSTOP');
  await sleep(ms);
  place.signal('SIGCONT');
}

/** Nothing is lost, all of it comes later: packets that are sent again when the network is back. */
async function delayPackets(place: SupervisedWorker, ms: number): Promise<void> {
  const end = Promise.withResolvers<void>();
  const delay = () => end.promise;
  place.proxy.delay = delay;
  await sleep(ms);
  if (place.proxy.delay === delay) place.proxy.delay = undefined;
  end.resolve();
}

/** Nothing arrives and nobody is told; in the end the connections are reset. */
async function dropPackets(place: SupervisedWorker, ms: number): Promise<void> {
  const { proxy } = place;
  const silence = (_chunk: Buffer, connection: ProxyConnection): 'drop' => {
    connection.isSilent = true;
    return 'drop';
  };
  proxy.toServer = silence;
  proxy.toClient = silence;
  await sleep(ms);
  clear(place);
  for (const { client, server, isSilent } of proxy.connections) {
    if (isSilent) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }
}

/** The connections there are fall silent and are never reset; new ones work. */
function silence({ proxy }: SupervisedWorker): void {
  for (const connection of proxy.connections) {
    connection.isSilent = true;
  }
}

async function slowPackets(place: SupervisedWorker, ms: number): Promise<void> {
  const delay = (bytes: number) => sleep(100 + bytes / 20); // 200 ms there and back, 20 kB/s
  place.proxy.delay = delay;
  await sleep(ms);
  if (place.proxy.delay === delay) place.proxy.delay = undefined;
}

async function loseAnswer(place: SupervisedWorker): Promise<void> {
  const answers = loseAnswers(place.proxy, /commit_steps|claim_executions|commit\0|take_inbox/, 3);
  for (let waited = 0; waited < 20 && answers.lostCount() < 3; waited += 1) await sleep(100);
  clear(place);
}

/** The connection breaks in the middle of some message of the server or to it. */
async function cutMidway(place: SupervisedWorker, fraction: number): Promise<void> {
  const { proxy } = place;
  let left = 3;
  const cut = (chunk: Buffer): 'pass' | number => {
    if (left === 0 || chunk.length < 200) return 'pass';
    left -= 1;
    return Math.floor(chunk.length * fraction);
  };
  if (fraction < 0.5) proxy.toServer = cut;
  else proxy.toClient = cut;
  for (let waited = 0; waited < 20 && left > 0; waited += 1) await sleep(100);
  clear(place);
}

function clear({ proxy }: SupervisedWorker): void {
  proxy.toServer = () => 'pass';
  proxy.toClient = () => 'pass';
}

/** Nothing is wrong any more; connections that have fallen silent stay so. */
export function endFaults(world: World): void {
  for (const place of world.places) {
    place.proxy.delay = undefined;
    if (place.isFrozen) place.signal('SIGCONT');
  }
  world.modelProxy.isDown = false;
}
