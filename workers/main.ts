import { EventEmitter } from 'node:events';
import { Logger, type Runner, run, type WorkerEvents } from 'graphile-worker';
import type { Logger as Log } from 'pino';
import type { CustomTool } from '../src/contracts/tool.ts';
import { ensurePartitions, syncCustomTools } from '../src/db/maintenance.ts';
import { createNotifier } from '../src/db/notifier.ts';
import { createPool } from '../src/db/pool.ts';
import { createRuntime } from '../src/runtime/runtime.ts';
import { sleep, type World } from '../src/runtime/world.ts';
import { customTools } from '../src/tools/custom.ts';
import { asWorkerRole } from './migrate-queue.ts';
import { keepPresence } from './presence.ts';
import { cronItems, taskList } from './task-list.ts';

/** Slots that take wake-ups; a run leaves its slot as soon as it is claimed. */
const WAKE_UP_SLOTS = 8;

export type WorkerOptions = {
  url: string;
  provider: World['provider'];
  tools: readonly CustomTool[];
  /** Runs in flight at once. */
  concurrency: number;
  release: string;
  log: Log;
};

export type Worker = {
  readonly inFlight: number;
  /** Drains: what is in the air may commit for `graceMs`, the rest is handed to other workers. */
  stop(graceMs?: number): Promise<void>;
};

/** Starts a worker: it takes wake-ups, owns runs, and shows that it is alive. Resolves when it is ready. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { url, log } = options;
  const pool = createPool({ url, applicationName: 'howdah-worker', role: 'howdah_worker', max: 4 });
  const sqlToolPool = createPool({
    url,
    applicationName: 'howdah-tools',
    role: 'howdah_worker',
    max: 10,
  });
  const notifier = createNotifier(url);
  await ensurePartitions(pool);
  await syncCustomTools(pool, options.tools);
  const runtime = createRuntime({
    pool,
    capacity: options.concurrency,
    world: {
      provider: options.provider,
      customTools: customTools(options.tools),
      sqlToolPool,
      random: Math.random,
      sleep,
    },
    announce: (id) => notifier.announce(id),
    onError: (error, id) => log.error({ err: error, execution_id: id }, 'a run was handed back'),
  });
  const ready = Promise.withResolvers<void>();
  const { runner, poolId } = await startRunner(options, taskList(runtime, pool, ready.promise));
  const presence = await keepPresence({
    url,
    poolId,
    pool,
    release: options.release,
    log,
    onControl: (id) => runtime.abort(id),
    onWorker: (id) => {
      runtime.dropAll();
      runtime.setWorker(id);
    },
  });
  ready.resolve();

  return {
    get inFlight() {
      return runtime.inFlight;
    },
    async stop(graceMs = 10_000) {
      const drained = runtime.drain(graceMs);
      await Promise.race([runner.stop(), sleep(graceMs, AbortSignal.timeout(graceMs + 1))]);
      await drained;
      await presence.stop();
      await Promise.all([pool.end(), sqlToolPool.end(), notifier.close()]);
    },
  };
}

/** Completion batching is set to 0 on purpose: without it 0.18 forgets completions while it stops. */
async function startRunner(
  options: WorkerOptions,
  tasks: ReturnType<typeof taskList>,
): Promise<{ runner: Runner; poolId: string }> {
  const events: WorkerEvents = new EventEmitter();
  const poolId = new Promise<string>((resolve) => {
    events.once('pool:create', ({ workerPool }) => resolve(workerPool.id));
  });
  const runner = await run({
    events,
    noHandleSignals: true,
    taskList: tasks,
    parsedCronItems: cronItems(),
    logger: workerLogger(options.log),
    preset: {
      worker: {
        connectionString: asWorkerRole(options.url),
        concurrentJobs: WAKE_UP_SLOTS,
        maxPoolSize: WAKE_UP_SLOTS,
        pollInterval: 1000,
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
  });
  return { runner, poolId: await poolId };
}

/** Graphile Worker speaks of every job; here that is worth a debug line, except for what went wrong. */
function workerLogger(log: Log): Logger {
  return new Logger((scope) => (level, message) => {
    if (level === 'error' || level === 'warning') {
      log.warn({ scope: scope.label }, message);
    } else {
      log.trace({ scope: scope.label }, message);
    }
  });
}
