import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { breakConnections, type Pool } from '../../src/db/connection/pool.ts';
import {
  type PresenceOptions,
  SilentDatabaseError,
  WorkerPresence,
} from '../../src/db/worker/worker-presence.ts';
import { repeat } from './repeat.ts';

const BEAT_MS = 1_000;
const RETURN_MS = 250;

export type HeartbeatOptions = Omit<PresenceOptions, 'worker' | 'poolId' | 'onLost'> & {
  /** The queue whose jobs are unlocked when this worker dies. */
  queue: { readonly poolId: string };
  log: Logger;
  /**
   * Called with a new identity at the start, and again after the old one was lost, with null in
   * between. This worker no longer owns anything that the old identity owned.
   */
  onWorker(id: string | null): void;
  /** Returns the pools whose connections are broken when the database does not answer. */
  pools(): Iterable<Pool>;
};

/**
 * Keeps this worker registered as alive. When the presence is lost (the database restarted, the
 * network was cut, the process was frozen for too long), the worker releases everything and returns
 * under a new identity. The old identity is reaped like any dead worker.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #presence: WorkerPresence | undefined;
  #returning: Promise<void> | undefined;
  #stopBeating: (() => Promise<void>) | undefined;
  #isStopped = false;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** The id of this worker while the database counts the worker as alive. */
  get worker(): string | undefined {
    return this.#presence?.worker;
  }

  /** True while the database counts this worker as alive. */
  get isAlive(): boolean {
    return this.#presence !== undefined && !this.#isStopped;
  }

  /** Registers this worker. Resolves when the database counts the worker as alive. */
  async start(): Promise<void> {
    await this.#register();
    this.#stopBeating = repeat(BEAT_MS, () => this.#beat());
  }

  /** Replaces the identity, as if the presence had been lost. */
  renew(reason: string): void {
    if (this.#presence) this.#lose(new Error(reason));
  }

  /** Releases all runs and deletes this worker from the database. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#stopBeating?.();
    await this.#returning;
    await this.#presence?.leave().catch(() => this.#presence?.close());
  }

  /** Registers this worker again if the queue is replaced meanwhile: its pool id has changed. */
  async #register(): Promise<void> {
    const { queue, onWorker } = this.#options;
    for (;;) {
      const worker = randomUUID();
      const { poolId } = queue;
      const onLost = (reason: Error) => this.#lose(reason);
      const presence = await WorkerPresence.register({ ...this.#options, poolId, worker, onLost });
      if (poolId === queue.poolId) {
        this.#presence = presence;
        return onWorker(worker);
      }
      await presence.leave().catch(() => presence.close());
    }
  }

  async #beat(): Promise<void> {
    const presence = this.#presence;
    try {
      if (presence && !(await presence.beat()) && presence === this.#presence) {
        this.#lose(new Error('this worker was declared dead'));
      }
    } catch (error) {
      if (presence !== this.#presence) return;
      if (error instanceof SilentDatabaseError) {
        for (const pool of this.#options.pools()) breakConnections(pool);
      }
      this.#lose(error as Error);
    }
  }

  #lose(reason: Error): void {
    if (this.#isStopped || this.#returning) return;
    this.#options.log.warn({ reason: reason.message }, 'presence lost: releasing all runs');
    const lost = this.#presence;
    this.#presence = undefined;
    this.#options.onWorker(null);
    this.#returning = this.#return(lost);
  }

  async #return(lost: WorkerPresence | undefined): Promise<void> {
    await lost?.close();
    while (!this.#isStopped && !this.#presence) {
      await this.#register().catch(() => new Promise((resolve) => setTimeout(resolve, RETURN_MS)));
    }
    this.#returning = undefined;
    this.#options.log.info('presence regained');
  }
}
