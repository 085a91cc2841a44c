import { hostname } from 'node:os';
import { z } from 'zod';
import { withinAwakeTime } from '../../concurrency/within-awake-time.ts';
import { type Client, createClient, type Pool } from '../connection/pool.ts';
import { listenTo } from '../feed/listen-connection.ts';
import { PROTOCOL } from '../runs/commit-query.ts';
import type { WorkerScope } from './worker-scope.ts';

/**
 * The error of a heartbeat without an answer. Other pending statements may be lost in the same way.
 */
export class SilentDatabaseError extends Error {}

/** The time without an answer after which a worker's presence is lost. The reaper waits longer. */
const ANSWER_MS = 8_000;

export type Presence = {
  readonly worker: string;
  /** Sends a heartbeat. Returns false when another process has declared the worker dead. */
  beat(): Promise<boolean>;
  /** Releases all runs and deletes the worker. */
  leave(): Promise<void>;
  /** Closes the connection without releasing anything, as a crash would. */
  close(): Promise<void>;
};

export type PresenceOptions = {
  url: string;
  worker: string;
  poolId: string;
  release: string;
  /** The runs that the worker accepts. All runs when absent. */
  scope?: WorkerScope | undefined;
  /** Returns the fingerprints of the worker's master keys. */
  masterKeys(): Promise<string[]>;
  /** Called when a run of some worker was cancelled. */
  onControl(executionId: string): void;
  /** Called when a worker without room has taken a wake-up. */
  onDueRuns(): void;
  /** Called when the database offers these runs to this worker. */
  onOffer(executionIds: string[]): void;
  /** Called when the session, and with it the presence, is lost. */
  onLost(reason: Error): void;
};

/**
 * Registers a worker on its own connection and listens there for control messages. The advisory
 * lock of the connection is the presence of the worker. The connection must be direct and not go
 * through a transaction pooler.
 */
export async function registerWorkerPresence(options: PresenceOptions): Promise<Presence> {
  const client = createClient({
    url: options.url,
    applicationName: 'howdah-live',
    role: 'howdah_worker',
  });
  let closed = false;
  const lost = (reason: Error): void => {
    if (!closed) {
      closed = true;
      options.onLost(reason);
    }
  };
  client.on('error', lost);
  client.on('end', () => lost(new Error('the presence connection of this worker has ended')));
  client.on('notification', ({ channel, payload }) => {
    if (!channel.startsWith('howdah_due_runs')) options.onControl(payload ?? '');
    else if (!payload) options.onDueRuns();
    else if (payload.startsWith(options.worker)) options.onOffer(offeredIds(payload));
  });
  const close = async (): Promise<void> => {
    closed = true;
    await client.end().catch(() => {});
  };
  let reported: string[] = [];
  try {
    reported = await options.masterKeys().catch(() => []);
    await answered(register(client, options, reported));
  } catch (error) {
    // Otherwise the lock would exist without heartbeats.
    await close();
    throw error;
  }
  return {
    worker: options.worker,
    async beat() {
      const masterKeys = await options.masterKeys().catch(() => reported);
      if (masterKeys.join() !== reported.join()) {
        const report = 'select howdah_private.report_master_keys($1, $2)';
        await answered(client.query(report, [options.worker, masterKeys]));
        reported = masterKeys;
      }
      const text = 'select howdah_private.heartbeat($1) as alive';
      return (await answered(client.query(text, [options.worker]))).rows[0].alive;
    },
    async leave() {
      // Hand over first, so that leaving is not counted against the runs. Then delete the worker.
      const handOver = 'select howdah_private.release_executions($1, null, false)';
      await answered(client.query(handOver, [options.worker]));
      await answered(client.query('select howdah_private.forget_worker($1)', [options.worker]));
      await close();
    },
    close,
  };
}

/** Maximum number of runs in an offer. Every login may send an offer of any length. */
const MOST_OFFERED = 4;

function offeredIds(payload: string): string[] {
  const [, ...ids] = payload.split(' ', MOST_OFFERED + 1);
  return ids.filter((id) => z.uuid().safeParse(id).success);
}

async function register(
  client: Client,
  options: PresenceOptions,
  masterKeys: string[],
): Promise<void> {
  await client.connect();
  await client.query(
    `set tcp_keepalives_idle = 5; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3;
     set tcp_user_timeout = 10000`,
  );
  await listenTo(client, ['control', 'due_runs']);
  await client.query('select howdah_private.register_worker($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
    options.worker,
    options.poolId,
    hostname(),
    process.pid,
    options.release,
    PROTOCOL,
    options.scope?.tenants ?? null,
    options.scope?.members ?? null,
    masterKeys,
  ]);
}

function answered<T>(work: Promise<T>): Promise<T> {
  const late = () =>
    new SilentDatabaseError(`the database did not answer within ${ANSWER_MS / 1_000} s`);
  return withinAwakeTime(ANSWER_MS, work, late);
}

/**
 * Releases the runs of dead workers, each in a transaction of its own, and yields these workers.
 * `reaper` is the worker of this process, which is alive however old its heartbeat is.
 */
export async function* reapWorkers(pool: Pool, reaper: string | undefined): AsyncGenerator<string> {
  const text = 'select howdah_private.reap_workers(reaper => $1) as worker';
  for (;;) {
    const { rows } = await pool.query(text, [reaper ?? null]);
    if (rows.length === 0) return;
    yield rows[0].worker;
  }
}

/** Enqueues wake-ups again for those of the runs that are still due. */
export async function returnWakeUps(pool: Pool, executionIds: string[]): Promise<void> {
  await pool.query('select howdah_private.return_wake_ups($1)', [executionIds]);
}

/**
 * Enqueues missing wake-ups of due runs. Returns the number of missing wake-ups, which is normally
 * zero.
 */
export async function healQueue(pool: Pool): Promise<number> {
  const { rows } = await pool.query('select howdah_private.repair_queue() as healed');
  return rows[0].healed;
}

/** Admits runs that wait at a limit, as many as there is room for. */
export async function admitParked(
  pool: Pool,
  limit: string,
  tenant: string,
  subject: string | null,
): Promise<void> {
  await pool.query('select howdah_private.admit_parked($1, $2, $3)', [limit, tenant, subject]);
}

/**
 * Counts the usage of a new limit again. While a transaction older than `after` is open, a job
 * tries again later.
 */
export async function recountLimit(pool: Pool, limit: string, after?: string): Promise<void> {
  await pool.query('select howdah_private.recount_limit($1, $2)', [limit, after ?? null]);
}

/** Wakes the runs that wait for messages which lie in the mailbox of an agent. */
export async function deliverMail(pool: Pool, agent: string, tenant: string): Promise<void> {
  await pool.query('select howdah_private.deliver_mail($1, $2)', [tenant, agent]);
}

const BATCHES_PER_TICK = 100;

/**
 * Fires schedules that are due. Only one worker at a time does this. Calls of other workers return
 * at once. Each batch has its own transaction. After the maximum number of batches, the remaining
 * schedules wait for the next tick.
 */
export async function fireSchedules(pool: Pool): Promise<void> {
  for (let batch = 0; batch < BATCHES_PER_TICK; batch += 1) {
    const { rows } = await pool.query(`select howdah_private.run_timers('schedules') as is_more`);
    if (!rows[0].is_more) break;
  }
}

/** Handles questions past their deadline. Only one worker at a time does this. */
export async function expireQuestions(pool: Pool): Promise<void> {
  await pool.query(`select howdah_private.run_timers('questions')`);
}

/** Enqueues checks of the alert rules that are due. Only one worker at a time does this. */
export async function enqueueAlerts(pool: Pool): Promise<void> {
  await pool.query(`select howdah_private.run_timers('alerts')`);
}
