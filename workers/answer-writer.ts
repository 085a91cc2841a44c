import type { Logger } from 'pino';
import type { Release } from '../src/concurrency/semaphore.ts';
import type { Pool } from '../src/db/connection/pool.ts';
import { tenantPool } from '../src/db/connection/tenant-pool.ts';
import type { AnswerContents, Pace } from '../src/db/worker/answer-sandbox.ts';
import {
  claimAnswers,
  type DueWatch,
  dueWatches,
  returnAnswers,
} from '../src/db/worker/due-answers.ts';
import { writeAnswers } from '../src/db/worker/write-answers.ts';
import type { RuntimeDependencies } from '../src/runtime/environment/runtime-dependencies.ts';
import { isEncrypted } from '../src/secrets/encrypted-values.ts';
import { DueWorkPoller, type LookResult } from './due-work-poller.ts';
import { TenantSemaphore } from './tenant-semaphore.ts';

/**
 * Limits of the watches whose answers are written at once. Each uses one of the connections that
 * SQL tools need too.
 */
const ROOM = { atOnce: 3, ofOneTenant: 2 };
/** Maximum number of answers of a claim. */
const MOST_ANSWERS = 100;
/** The time within which answers are found that became due by the clock, or unheard. */
const POLL_MS = 1_000;
/** The number of tenants and watches whose turns are remembered. */
const MOST_REMEMBERED = 10_000;

export type AnswerWriterOptions = {
  pool: Pool;
  sqlToolPool: Pool;
  decryptFor: RuntimeDependencies['decryptFor'];
  log: Logger;
};

/**
 * Writes the answers of runs into the rows of watched tables. It works apart from the job queue,
 * because a locked row or a slow table must not delay wake-ups, and because one claim takes many
 * answers. Watches take turns, and so do tenants. One watch is served by one slot, so that a table
 * that is locked holds up no other.
 */
export class AnswerWriter {
  readonly #options: AnswerWriterOptions;
  readonly #slots = new TenantSemaphore(ROOM.atOnce, ROOM.ofOneTenant);
  readonly #poller: DueWorkPoller;
  /** The watches that are being served, with the end of their turns. */
  readonly #serving = new Map<string, Promise<void>>();
  /** The number of the last turn of tenants and watches, by id. */
  readonly #turns = new Map<string, number>();
  readonly #paces = new Map<string, Pace>();
  readonly #over = new AbortController();
  #turn = 0;

  constructor(options: AnswerWriterOptions) {
    this.#options = options;
    const { log } = options;
    this.#poller = new DueWorkPoller({
      everyMs: POLL_MS,
      onError: (err) => log.warn({ err }, 'due answers could not be looked for; retrying'),
    });
  }

  start(): void {
    this.#poller.start(() => this.#look());
  }

  /** Looks for due answers, since there may be some. */
  nudge(): void {
    this.#poller.nudge();
  }

  /** True if no answer is being written. */
  get isIdle(): boolean {
    return this.#serving.size === 0;
  }

  /** Ends each claim after the answer under way. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#poller.stop();
    await Promise.all(this.#serving.values());
  }

  /** Begins a turn for each watch with due answers and a free slot. */
  async #look(): Promise<LookResult> {
    const due = await dueWatches(this.#options.pool);
    for (const watch of this.#inTurn(due)) {
      const release = this.#serving.has(watch.table_trigger_id)
        ? undefined
        : this.#slots.tryAcquire(watch.tenant_id);
      if (release) this.#serve(watch, release);
    }
    return due.length === 0 ? 'nothing' : 'no_room'; // a claim may leave some
  }

  /** Sorts watches by the last turn of their tenant, then by their own. */
  #inTurn(watches: readonly DueWatch[]): DueWatch[] {
    const turnOf = (id: string) => this.#turns.get(id) ?? 0;
    return watches.toSorted(
      (one, other) =>
        turnOf(one.tenant_id) - turnOf(other.tenant_id) ||
        turnOf(one.table_trigger_id) - turnOf(other.table_trigger_id),
    );
  }

  #serve(watch: DueWatch, release: Release): void {
    for (const known of [this.#turns, this.#paces]) if (known.size > MOST_REMEMBERED) known.clear();
    this.#turn += 1;
    this.#turns.set(watch.tenant_id, this.#turn).set(watch.table_trigger_id, this.#turn);
    const turn = this.#writeClaim(watch)
      .catch((err: unknown) => {
        const { table_trigger_id } = watch;
        this.#options.log.warn({ err, table_trigger_id }, 'answers will be written back later');
      })
      .finally(() => {
        this.#serving.delete(watch.table_trigger_id);
        release();
        this.#poller.room();
      });
    this.#serving.set(watch.table_trigger_id, turn);
  }

  async #writeClaim(watch: DueWatch): Promise<void> {
    const { pool, sqlToolPool, log } = this.#options;
    const claimed = await claimAnswers(pool, watch, MOST_ANSWERS);
    if (claimed.length === 0) return;
    const writers = tenantPool(sqlToolPool, 'tools', { tenant: watch.tenant_id });
    const pace = this.#paces.get(watch.table_trigger_id) ?? { msPerAnswer: undefined };
    this.#paces.set(watch.table_trigger_id, pace);
    const result = await writeAnswers(writers, watch, claimed, {
      pace,
      decrypt: (id, answer) => this.#decrypt(id, answer),
      onPostponed: (err, execution_id) =>
        log.warn({ err, execution_id }, 'an answer will be written back later'),
      signal: this.#over.signal,
    });
    const { postponed, untried, isStuck } = result;
    if (isStuck) {
      const { table_trigger_id } = watch;
      log.warn({ table_trigger_id }, 'the answers of a locked or slow table wait for a minute');
    }
    if (postponed.length + untried.length > 0) await returnAnswers(pool, watch, result);
  }

  /** Returns the answer of a run in plain text. Throws if it cannot be decrypted here. */
  async #decrypt(executionId: string, answer: AnswerContents): Promise<AnswerContents> {
    const plain = await this.#options.decryptFor(executionId, answer);
    if (Object.values(plain).some(isEncrypted)) {
      throw new Error('the answer is encrypted, and this worker cannot decrypt it');
    }
    return plain;
  }
}
