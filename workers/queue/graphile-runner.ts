import { EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import {
  Logger,
  makeWorkerUtils,
  type Runner,
  run,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker';
import type { Logger as Log } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import { cronItems } from '../task-list.ts';
import { adaptPoolForGraphile } from './graphile-pool-adapter.ts';
import { filterNotifications, latestBreakingMigration } from './notification-filter.ts';

const RETURN_MS = 250;
/** The delay of an unlock, longer than a statement on a lost connection may continue to run. */
const UNLOCK_MS = 500;

/**
 * A crash of the database may undo that a job was locked, completed or postponed: the job comes
 * again, as after a crash of the worker. The work of a job commits on other connections. A durable
 * completion implies a durable claim, whose WAL is before it. Cron jobs may be lost within a second
 * of their time, until the next time.
 */
const NO_FLUSH = { synchronous_commit: 'off' };

export type QueueOptions = {
  /** Opens a pool with this application name and maximum number of connections. */
  open(applicationName: string, max: number, settings?: Record<string, string>): Pool;
  /**
   * The number of jobs at once, and so of connections. A run leaves its slot as soon as it is
   * claimed.
   */
  slots: number;
  tasks: TaskList;
  log: Log;
  /** Called when jobs were added. */
  onNews(): void;
  /**
   * Called when wake-ups are taken under another pool id from now on. Jobs locked by the old pool
   * must be unlocked.
   */
  onReplaced(): void;
};

export type Queue = {
  /** The name under which Graphile Worker locks jobs. */
  readonly poolId: string;
  /** The connections of the queue. */
  readonly pool: Pool;
  /** True while the queue looks for jobs. False while it stops or is started again. */
  readonly isTaking: boolean;
  stop(): Promise<void>;
};

type Running = { runner: Runner; poolId: string; pool: Pool };

/**
 * Takes wake-ups from the queue. Handles two consequences of a lost connection for Graphile Worker.
 * It shuts itself down when it cannot report that a job is done: another one is then started in its
 * place. A job that it has locked without receiving the answer would stay locked for hours: all
 * jobs that its pool has locked are then unlocked. That wakes some runs twice, which does nothing.
 */
export async function startQueue(options: QueueOptions): Promise<Queue> {
  let stopped = false;
  let replacing: Promise<void> | undefined;
  /** Pools that may have locked jobs without knowing. */
  const suspects = new Set<string>();

  const replace = async (): Promise<void> => {
    options.log.warn('the queue shut down; restarting it');
    while (!stopped) {
      try {
        unlockSoon(current.poolId);
        current = await startRunner(options, onShutdown, unlockSoon);
        options.onReplaced();
        return;
      } catch {
        await delay(RETURN_MS);
      }
    }
  };

  const onShutdown = (): void => {
    if (!stopped) {
      replacing = replace().finally(() => {
        replacing = undefined;
      });
    }
  };

  const unlock = async (): Promise<void> => {
    while (suspects.size > 0 && !stopped) {
      await delay(UNLOCK_MS, undefined, { ref: false });
      const poolIds = [...suspects];
      if (await areUnlocked(options, poolIds)) {
        poolIds.forEach((id) => void suspects.delete(id));
      }
    }
  };

  const unlockSoon = (poolId: string): void => {
    const isPlanned = suspects.size > 0;
    suspects.add(poolId);
    if (!isPlanned) {
      void unlock();
    }
  };

  let current = await startRunner(options, onShutdown, unlockSoon);
  return {
    get poolId() {
      return current.poolId;
    },
    get pool() {
      return current.pool;
    },
    get isTaking() {
      return !stopped && replacing === undefined;
    },
    async stop() {
      stopped = true;
      await replacing;
      await current.runner.stop().catch(() => {}); // it may have stopped by itself
    },
  };
}

/**
 * Resolves when the first search for a job was answered. Completion batching is set to 0 on
 * purpose, because 0.18 otherwise forgets completions while it stops.
 */
async function startRunner(
  options: QueueOptions,
  onShutdown: () => void,
  onLostJob: (poolId: string) => void,
): Promise<Running> {
  const events: WorkerEvents = new EventEmitter();
  const poolId = new Promise<string>((resolve) => {
    events.once('pool:create', ({ workerPool }) => resolve(workerPool.id));
  });
  events.on('worker:getJob:error', ({ worker }) => onLostJob(worker.workerPool.id));
  events.on('pool:listen:notification', () => options.onNews());
  const searched = firstSearch(events);
  const pool = adaptPoolForGraphile(options.open('howdah-worker', options.slots, NO_FLUSH));
  let knownMigration: number | undefined;
  filterNotifications(events, async () => {
    const latest = await latestBreakingMigration(pool);
    return knownMigration !== undefined && latest > knownMigration ? latest : undefined;
  });
  const runner = await run({
    events,
    pgPool: pool,
    noHandleSignals: true,
    taskList: options.tasks,
    parsedCronItems: cronItems(),
    logger: workerLogger(options.log),
    preset: {
      worker: {
        concurrentJobs: options.slots,
        pollInterval: 1000,
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
  }).catch(async (error) => {
    await pool.end();
    throw error;
  });
  // The events report how the runner ended.
  void runner.promise.catch(() => {}).then(() => pool.end());
  events.once('pool:gracefulShutdown', onShutdown);
  const readMigration = latestBreakingMigration(pool).then(
    (id) => {
      knownMigration = id;
      return undefined;
    },
    (error: Error) => error,
  );
  const failure = (await searched) ?? (await readMigration);
  if (failure) {
    events.off('pool:gracefulShutdown', onShutdown);
    void runner.stop().catch(() => {});
    throw failure;
  }
  return { runner, poolId: await poolId, pool };
}

/**
 * Resolves with the error of the first search for a job, or with undefined. A runner requests the
 * ids of its tasks only then, and keeps the answer or the failure for ever. A runner whose first
 * search fails would never find a job.
 */
function firstSearch(events: WorkerEvents): Promise<Error | undefined> {
  return new Promise((resolve) => {
    events.once('worker:getJob:error', ({ error }) => resolve(error as Error));
    events.once('worker:getJob:empty', () => resolve(undefined));
    events.once('job:start', () => resolve(undefined));
  });
}

async function areUnlocked({ open, log }: QueueOptions, poolIds: string[]): Promise<boolean> {
  const pgPool = open('howdah-worker', 1);
  try {
    const utils = await makeWorkerUtils({ pgPool, logger: workerLogger(log) });
    await utils.forceUnlockWorkers(poolIds).finally(() => utils.release());
    return true;
  } catch {
    return false;
  } finally {
    await pgPool.end();
  }
}

/**
 * Creates the logger of Graphile Worker, which logs every job. Errors and warnings become warnings,
 * and everything else has the level trace.
 */
function workerLogger(log: Log): Logger {
  return new Logger((scope) => (level, message) => {
    if (level === 'error' || level === 'warning') {
      log.warn({ scope: scope.label }, message);
    } else {
      log.trace({ scope: scope.label }, message);
    }
  });
}
