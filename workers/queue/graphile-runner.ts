import { EventEmitter } from 'node:events';
import {
  Logger,
  type Runner,
  type RunnerOptions as RunOptions,
  run,
  type TaskList,
  type WorkerEvents,
} from 'graphile-worker';
import type { Logger as Log } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import { cronItems } from '../task-list.ts';
import { adaptPoolForGraphile } from './graphile-pool-adapter.ts';
import { BreakingMigrations, filterNotifications } from './notification-filter.ts';

/**
 * A crash of the database may undo that a job was locked, completed or postponed: the job comes
 * again, as after a crash of the worker. The work of a job commits on other connections. A durable
 * completion implies a durable claim, whose WAL is before it. Cron jobs may be lost within a second
 * of their time, until the next time.
 */
const NO_FLUSH = { synchronous_commit: 'off' };

export type RunnerOptions = {
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
};

/** A Graphile Worker, the id of its pool, and its connections. */
export type GraphileRunner = { runner: Runner; poolId: string; pool: Pool };

/**
 * Starts a Graphile Worker. Resolves when its first search for a job was answered. Calls
 * `onLostJob` when a search fails, which may have locked a job.
 */
export async function startRunner(
  options: RunnerOptions,
  onShutdown: () => void,
  onLostJob: (poolId: string) => void,
): Promise<GraphileRunner> {
  const events: WorkerEvents = new EventEmitter();
  const poolId = firstPoolId(events);
  const searched = firstSearch(events);
  events.on('worker:getJob:error', ({ worker }) => onLostJob(worker.workerPool.id));
  events.on('pool:listen:notification', () => options.onNews());
  const pool = adaptPoolForGraphile(options.open('howdah-worker', options.slots, NO_FLUSH));
  const migrations = new BreakingMigrations(pool);
  filterNotifications(events, () => migrations.findNew());
  const startGraphile = async (): Promise<Runner> => {
    await migrations.read(); // run() checks them after this
    return run(runOptions(options, events, pool));
  };
  const runner = await startGraphile().catch(async (error) => {
    await pool.end();
    throw error;
  });
  // The events report how the runner ended.
  void runner.promise.catch(() => {}).then(() => pool.end());
  events.once('pool:gracefulShutdown', onShutdown);
  const failure = await searched;
  if (failure) {
    events.off('pool:gracefulShutdown', onShutdown);
    void runner.stop().catch(() => {});
    throw failure;
  }
  return { runner, poolId: await poolId, pool };
}

/**
 * Returns the options of Graphile Worker. Completion batching is set to 0 on purpose, because 0.18
 * otherwise forgets completions while it stops.
 */
function runOptions(
  { slots, tasks, log }: RunnerOptions,
  events: WorkerEvents,
  pgPool: Pool,
): RunOptions {
  return {
    events,
    pgPool,
    noHandleSignals: true,
    taskList: tasks,
    parsedCronItems: cronItems(),
    logger: graphileLogger(log),
    preset: {
      worker: {
        concurrentJobs: slots,
        pollInterval: 1000,
        completeJobBatchDelay: 0,
        failJobBatchDelay: 0,
      },
    },
  };
}

function firstPoolId(events: WorkerEvents): Promise<string> {
  return new Promise((resolve) => {
    events.once('pool:create', ({ workerPool }) => resolve(workerPool.id));
  });
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

/**
 * Creates the logger of Graphile Worker, which logs every job. Errors and warnings become warnings,
 * and everything else has the level trace.
 */
export function graphileLogger(log: Log): Logger {
  return new Logger((scope) => (level, message) => {
    if (level === 'error' || level === 'warning') {
      log.warn({ scope: scope.label }, message);
    } else {
      log.trace({ scope: scope.label }, message);
    }
  });
}
