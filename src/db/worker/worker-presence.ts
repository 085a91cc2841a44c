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

export type PresenceOptions = {
  url: string;
  worker: string;
  poolId: string;
  release: string;
  /** The runs that the worker accepts. All runs when absent. */
  scope?: WorkerScope | undefined;
  /** Returns the fingerprints of the worker's master keys. */
  masterKeys(): Promise<string[]>;
  /** Returns the names of the worker's tools in TypeScript. */
  customTools(): string[];
  /** The names of the worker's engines that are functions. */
  customEngines: readonly string[];
  /** Called when a run of some worker was cancelled. */
  onControl(executionId: string): void;
  /** Called when a worker without room has taken a wake-up. */
  onDueRuns(): void;
  /** Called when an answer of a watched table has become due. */
  onDueAnswers(): void;
  /** Called when the database offers these runs to this worker. */
  onOffer(executionIds: string[]): void;
  /** Called when the session, and with it the presence, is lost. */
  onLost(reason: Error): void;
};

/**
 * A worker registered on its own connection, which listens there for control messages. The advisory
 * lock of the connection is the presence of the worker. The connection must be direct and not go
 * through a transaction pooler.
 */
export class WorkerPresence {
  readonly #options: PresenceOptions;
  readonly #client: Client;
  /** The fingerprints of the master keys that the database has. */
  #reportedKeys: string[] = [];
  /** The names of the tools that the database has, as one text. */
  #reportedTools: string | undefined;
  #isClosed = false;

  private constructor(options: PresenceOptions) {
    this.#options = options;
    this.#client = createClient({
      url: options.url,
      applicationName: 'howdah-live',
      role: 'howdah_worker',
    });
    this.#client.on('error', (reason) => this.#lose(reason));
    this.#client.on('end', () =>
      this.#lose(new Error('the presence connection of this worker has ended')),
    );
    this.#client.on('notification', ({ channel, payload }) => this.#receive(channel, payload));
  }

  static async register(options: PresenceOptions): Promise<WorkerPresence> {
    const presence = new WorkerPresence(options);
    try {
      presence.#reportedKeys = await options.masterKeys().catch(() => []);
      await withinAnswerTime(register(presence.#client, options, presence.#reportedKeys));
      await presence.#reportCustomCode();
      return presence;
    } catch (error) {
      // Otherwise the lock would exist without heartbeats.
      await presence.close();
      throw error;
    }
  }

  get worker(): string {
    return this.#options.worker;
  }

  /** Sends a heartbeat. Returns false when another process has declared the worker dead. */
  async beat(): Promise<boolean> {
    await this.#reportMasterKeys();
    await this.#reportCustomCode();
    const text = 'select howdah_private.heartbeat($1) as alive';
    return (await withinAnswerTime(this.#client.query(text, [this.worker]))).rows[0].alive;
  }

  /** Releases all runs and deletes the worker. */
  async leave(): Promise<void> {
    // Hand over first, so that leaving is not counted against the runs. Then delete the worker.
    const handOver = 'select howdah_private.release_executions($1, null, false)';
    await withinAnswerTime(this.#client.query(handOver, [this.worker]));
    await withinAnswerTime(
      this.#client.query('select howdah_private.forget_worker($1)', [this.worker]),
    );
    await this.close();
  }

  /** Closes the connection without releasing anything, as a crash would. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#client.end().catch(() => {});
  }

  #lose(reason: Error): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#options.onLost(reason);
  }

  #receive(channel: string, payload: string | undefined): void {
    const { worker, onControl, onDueAnswers, onDueRuns, onOffer } = this.#options;
    if (channel.startsWith('howdah_due_answers')) onDueAnswers();
    else if (!channel.startsWith('howdah_due_runs')) onControl(payload ?? '');
    else if (!payload) onDueRuns();
    else if (payload.startsWith(worker)) onOffer(offeredIds(payload));
  }

  async #reportMasterKeys(): Promise<void> {
    const keys = await this.#options.masterKeys().catch(() => this.#reportedKeys);
    if (keys.join() === this.#reportedKeys.join()) return;
    const report = 'select howdah_private.report_master_keys($1, $2)';
    await withinAnswerTime(this.#client.query(report, [this.worker, keys]));
    this.#reportedKeys = keys;
  }

  async #reportCustomCode(): Promise<void> {
    const tools = this.#options.customTools().toSorted();
    if (tools.join() === this.#reportedTools) return;
    const report = 'select howdah_private.report_custom_code($1, $2, $3)';
    const { customEngines: engines } = this.#options;
    await withinAnswerTime(this.#client.query(report, [this.worker, tools, engines]));
    this.#reportedTools = tools.join();
  }
}

/** Maximum number of runs in an offer. Every login may send an offer of any length. */
const MAX_OFFERED = 4;

function offeredIds(payload: string): string[] {
  const [, ...ids] = payload.split(' ', MAX_OFFERED + 1);
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
  await listenTo(client, ['control', 'due_runs', 'due_answers']);
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

function withinAnswerTime<T>(work: Promise<T>): Promise<T> {
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
