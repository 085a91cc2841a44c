import { setTimeout as sleep } from 'node:timers/promises';
import { retryWhileUnavailable } from '../server.ts';
import type { SupervisedWorker } from '../supervised-worker.ts';
import type { World } from '../world.ts';
import { rotateDataKeys, switchEncryption } from './encryption.ts';
import { loseAnswers, type ProxyConnection } from './fault-proxy.ts';
import type { FaultKind, PlannedFault } from './faults.ts';

/** A fault that occurred, and the running runs that it interrupted. Their recovery is measured. */
export type InjectedFault = { kind: FaultKind; at: number; interrupted: string[] };

/** Longer than the lease of a worker, after which it is considered dead. */
const BEYOND_LEASE_MS = 11_500;

/**
 * Faults that need another working worker. The recovery then measures the takeover, not the start
 * of a process.
 */
const NEEDS_SURVIVOR: readonly FaultKind[] = ['kill', 'freeze', 'pause_process', 'drain'];

/** Injects each fault at its time. Faults may overlap. Resolves when the last one is over. */
export async function injectFaults(
  world: World,
  faults: readonly PlannedFault[],
): Promise<InjectedFault[]> {
  const startedAt = performance.now();
  const injected = await Promise.all(
    faults.map(async (fault) => {
      await sleep(Math.max(0, fault.at - (performance.now() - startedAt)));
      return inject(world, fault);
    }),
  );
  return injected.filter((fault) => fault !== undefined);
}

/** Injects a fault. Returns undefined if there was no suitable worker. */
async function inject(
  world: World,
  { kind, draw }: PlannedFault,
): Promise<InjectedFault | undefined> {
  const free = world.workers.filter(({ pid, isFrozen }) => pid !== undefined && !isFrozen);
  const worker = free[Math.floor(draw * free.length)];
  const fraction = (draw * 997) % 1; // the lower digits, independent of the choice of the worker
  if (!worker || (NEEDS_SURVIVOR.includes(kind) && free.length < 2)) {
    return undefined;
  }
  const interrupted = await runningRuns(world, affectsOneWorker(kind) ? worker : undefined);
  const at = Date.now();
  await ACTIONS[kind](world, worker, fraction);
  return { kind, at, interrupted };
}

function affectsOneWorker(kind: FaultKind): boolean {
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

/** Returns the running runs of a worker, or of all workers. */
async function runningRuns(
  { server }: World,
  worker: SupervisedWorker | undefined,
): Promise<string[]> {
  try {
    const { rows } = await server.pool.query(
      `select e.id from howdah.executions as e join howdah_private.workers as w on w.id = e.owner_worker
       where e.status = 'running' and ($1::int is null or w.pid = $1) limit 500`,
      [worker?.pid ?? null],
    );
    return rows.map(({ id }) => id);
  } catch {
    return []; // the database is unavailable: no recovery is measured
  }
}

/** Performs a fault. `fraction`, from 0 to below 1, determines its duration or extent. */
type Action = (world: World, worker: SupervisedWorker, fraction: number) => Promise<unknown>;

const ACTIONS: Record<FaultKind, Action> = {
  kill: async (_world, worker) => worker.signal('SIGKILL'),
  freeze: (_world, worker, fraction) => freeze(worker, BEYOND_LEASE_MS + fraction * 3_000),
  pause_process: (_world, worker, fraction) => freeze(worker, 500 + fraction * 4_000),
  drain: async (_world, worker) => worker.signal('SIGTERM'),
  terminate: ({ server }, _worker, fraction) =>
    server.pool
      .query(
        `select pg_terminate_backend(pid) from pg_stat_activity
         where application_name like 'howdah-%' and hashint4(pid) % 100 < $1 * 100`,
        [0.2 + fraction * 0.8],
      )
      .catch(() => {}),
  kill_backend: ({ server }, _worker, fraction) => server.killBackend(fraction).catch(() => {}),
  restart_fast: ({ server }, _worker, fraction) => server.restart('fast', fraction * 2_000),
  restart_immediate: ({ server }, _worker, fraction) =>
    server.restart('immediate', fraction * 2_000),
  cut: async (_world, worker) => worker.proxy.cutAll(),
  hold: (_world, worker, fraction) => delayPackets(worker, fraction < 0.5 ? 3_000 : 14_000),
  blackhole: (_world, worker, fraction) => dropPackets(worker, fraction < 0.5 ? 3_000 : 13_000),
  half_open: async (_world, worker) => silenceConnections(worker),
  slow: (_world, worker, fraction) => slowPackets(worker, 3_000 + fraction * 4_000),
  lose_answer: (_world, worker) => loseAnswer(worker),
  cut_midway: (_world, worker, fraction) => cutMidway(worker, fraction),
  cut_models: async ({ modelProxy }, _worker, fraction) => {
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

async function freeze(worker: SupervisedWorker, ms: number): Promise<void> {
  worker.signal('SIGSTOP');
  await sleep(ms);
  worker.signal('SIGCONT');
}

/** Delays all packets, as a network does that is interrupted and retransmits them later. */
async function delayPackets(worker: SupervisedWorker, ms: number): Promise<void> {
  const end = Promise.withResolvers<void>();
  const delay = () => end.promise;
  worker.proxy.delay = delay;
  await sleep(ms);
  if (worker.proxy.delay === delay) worker.proxy.delay = undefined;
  end.resolve();
}

/** Drops all packets silently. At the end, resets the connections that lost some. */
async function dropPackets(worker: SupervisedWorker, ms: number): Promise<void> {
  const { proxy } = worker;
  const silence = (_chunk: Buffer, connection: ProxyConnection): 'drop' => {
    connection.isSilent = true;
    return 'drop';
  };
  proxy.toServer = silence;
  proxy.toClient = silence;
  await sleep(ms);
  clearRules(worker);
  for (const { client, server, isSilent } of proxy.connections) {
    if (isSilent) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }
}

/** Silences the open connections without ever resetting them. New connections work. */
function silenceConnections({ proxy }: SupervisedWorker): void {
  for (const connection of proxy.connections) {
    connection.isSilent = true;
  }
}

async function slowPackets(worker: SupervisedWorker, ms: number): Promise<void> {
  const delay = (bytes: number) => sleep(100 + bytes / 20); // a round trip of 200 ms, 20 kB/s
  worker.proxy.delay = delay;
  await sleep(ms);
  if (worker.proxy.delay === delay) worker.proxy.delay = undefined;
}

async function loseAnswer(worker: SupervisedWorker): Promise<void> {
  const answers = loseAnswers(worker.proxy, /commit_steps|claim_executions|commit\0|take_inbox/, 3);
  for (let waited = 0; waited < 20 && answers.lostCount() < 3; waited += 1) await sleep(100);
  clearRules(worker);
}

/** Cuts three connections in the middle of a message, all to or all from the server. */
async function cutMidway(worker: SupervisedWorker, fraction: number): Promise<void> {
  const { proxy } = worker;
  let left = 3;
  const cut = (chunk: Buffer): 'pass' | number => {
    if (left === 0 || chunk.length < 200) return 'pass';
    left -= 1;
    return Math.floor(chunk.length * fraction);
  };
  if (fraction < 0.5) proxy.toServer = cut;
  else proxy.toClient = cut;
  for (let waited = 0; waited < 20 && left > 0; waited += 1) await sleep(100);
  clearRules(worker);
}

/** Removes the rules of a worker's proxy. */
function clearRules({ proxy }: SupervisedWorker): void {
  proxy.toServer = () => 'pass';
  proxy.toClient = () => 'pass';
}

/** Ends all faults. Silent connections remain silent. */
export function endFaults(world: World): void {
  for (const worker of world.workers) {
    worker.proxy.delay = undefined;
    if (worker.isFrozen) worker.signal('SIGCONT');
  }
  world.modelProxy.isDown = false;
}
