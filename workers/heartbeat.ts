import { randomUUID } from 'node:crypto';
import type { Logger as Log } from 'pino';
import type { Pool } from '../src/db/connection/pool.ts';
import { eraseEnded } from '../src/db/worker/maintenance.ts';
import { deleteStoredFiles } from '../src/db/worker/stored-files.ts';
import {
  enqueueAlerts,
  expireQuestions,
  fireSchedules,
  healQueue,
  type Presence,
  reapWorkers,
  registerWorkerPresence,
  SilentDatabaseError,
} from '../src/db/worker/worker-presence.ts';
import type { WorkerScope } from '../src/db/worker/worker-scope.ts';

const BEAT_MS = 1_000;
const REAP_MS = 500;
const HEAL_MS = 15_000;
const TICK_MS = 1_000;
const FILES_MS = 5_000;
const RETURN_MS = 250;

export type HeartbeatOptions = {
  url: string;
  poolId(): string;
  pool: Pool;
  release: string;
  scope?: WorkerScope | undefined;
  masterKeys(): Promise<string[]>;
  /** The folder of the files of resources. A worker without a folder deletes no files. */
  resourceFolder?: string | undefined;
  log: Log;
  onControl(executionId: string): void;
  onDueRuns(): void;
  onOffer(executionIds: string[]): void;
  /** Releases runs that this worker owns in the database and does not hold. */
  reconcile(): Promise<number>;
  /**
   * Called with a new identity at the start, and again after the old one was lost, with null in
   * between. This worker no longer owns anything that the old identity owned.
   */
  onWorker(id: string | null): void;
  /** Called when dead workers, or runs without a wake-up, were found. */
  onRecovered(reason: 'dead_worker' | 'lost_wake_up', count: number): void;
  /** Called when no connection to the database can be trusted to receive an answer. */
  onSilence(): void;
};

export type Heartbeat = {
  /** True while the database counts this worker as alive. */
  readonly isAlive: boolean;
  /** Replaces the identity, as if the presence had been lost. */
  renew(reason: string): void;
  stop(): Promise<void>;
};

/**
 * Keeps this worker registered as alive and looks after the other workers: every worker is a
 * reaper. When the presence is lost (the database restarted, the network was cut, the process was
 * frozen for too long), the worker releases everything and returns under a new identity. The old
 * identity is reaped like any dead worker.
 */
export async function startHeartbeat(options: HeartbeatOptions): Promise<Heartbeat> {
  const { pool, log } = options;
  let stopped = false;
  let presence: Presence | undefined;
  let returning: Promise<void> | undefined;

  const appear = async (): Promise<void> => {
    const worker = randomUUID();
    const poolId = options.poolId();
    presence = await registerWorkerPresence({
      ...options,
      poolId,
      worker,
      onLost: (reason) => lose(reason),
    });
    options.onWorker(worker);
  };

  const lose = (reason: Error): void => {
    if (stopped || returning) {
      return;
    }
    log.warn({ reason: reason.message }, 'presence lost: releasing all runs');
    const gone = presence;
    presence = undefined;
    options.onWorker(null);
    returning = (async () => {
      await gone?.close();
      while (!stopped && !presence) {
        await appear().catch(() => new Promise((resolve) => setTimeout(resolve, RETURN_MS)));
      }
      returning = undefined;
      log.info('presence regained');
    })();
  };

  const beat = async (): Promise<void> => {
    const beating = presence;
    try {
      if (beating && !(await beating.beat()) && beating === presence) {
        lose(new Error('this worker was declared dead'));
      }
    } catch (error) {
      if (beating === presence) {
        if (error instanceof SilentDatabaseError) {
          options.onSilence();
        }
        lose(error as Error);
      }
    }
  };

  /**
   * Logs why a chore failed. Without a presence, the log already reports that the database is
   * unreachable.
   */
  const reporting = (failure: string, chore: () => Promise<void>) => async (): Promise<void> => {
    try {
      await chore();
    } catch (error) {
      if (presence) log.warn({ reason: (error as Error).message }, failure);
    }
  };

  const reap = reporting(
    'dead workers could not be removed; retrying in half a second',
    async () => {
      for await (const worker of reapWorkers(pool, presence?.worker)) {
        options.onRecovered('dead_worker', 1);
        log.warn({ worker }, 'a dead worker was found; its runs continue on other workers');
      }
    },
  );

  const heal = reporting('the queue could not be checked; retrying in 15 seconds', async () => {
    const healed = await healQueue(pool);
    if (healed > 0) {
      options.onRecovered('lost_wake_up', healed);
      log.warn({ healed }, 'runs without a wake-up were woken');
    }
  });

  const reconcile = reporting(
    'owned runs could not be checked; retrying in 15 seconds',
    async () => {
      const released = await options.reconcile();
      if (released > 0) log.warn({ released }, 'runs that this worker did not hold were released');
    },
  );

  const fire = reporting('schedules could not be fired; retrying in a second', () =>
    fireSchedules(pool),
  );

  const expire = reporting('questions could not be expired; retrying in a second', () =>
    expireQuestions(pool),
  );

  const alert = reporting('alert rules could not be enqueued; retrying in a second', () =>
    enqueueAlerts(pool),
  );

  const tick = async (): Promise<void> => {
    await fire();
    await expire();
    await alert();
  };

  const erase = reporting('contents could not be erased; retrying in a second', async () => {
    await eraseEnded(pool);
  });

  const deleteFiles = async (): Promise<void> => {
    if (options.resourceFolder === undefined) return;
    const warn = (reason: string | undefined) =>
      log.warn({ reason }, 'files of erased rows could not be deleted; retrying later');
    try {
      const { errors } = await deleteStoredFiles(pool, options.resourceFolder);
      if (errors.length > 0) warn(errors[0]);
    } catch (error) {
      if (presence) warn((error as Error).message);
    }
  };

  await appear();
  await reap();
  const chores = [
    every(BEAT_MS, beat),
    every(REAP_MS, reap),
    every(TICK_MS, tick),
    every(TICK_MS, erase),
    every(HEAL_MS, heal),
    every(HEAL_MS, reconcile),
    every(FILES_MS, deleteFiles),
  ];
  return {
    get isAlive() {
      return presence !== undefined && !stopped;
    },
    renew: (reason) => lose(new Error(reason)),
    async stop() {
      stopped = true;
      await Promise.all(chores.map((stopChore) => stopChore()));
      await returning;
      await presence?.leave().catch(() => presence?.close());
    },
  };
}

/**
 * Repeats a chore, never two at a time. Returns a function that stops the repetition and waits for
 * the current chore.
 */
function every(ms: number, chore: () => Promise<void>): () => Promise<void> {
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;
  let underWay: Promise<void> = Promise.resolve();
  const plan = (): void => {
    if (!isOver) {
      timer = setTimeout(() => {
        underWay = chore().finally(plan);
      }, ms);
    }
  };
  plan();
  return async () => {
    isOver = true;
    clearTimeout(timer);
    await underWay;
  };
}
