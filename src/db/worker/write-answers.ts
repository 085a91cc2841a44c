import { inTransaction, type Pool, type PoolClient } from '../connection/pool.ts';
import { isTimeout, isTransient } from '../connection/sqlstate.ts';
import { FORGET_SESSION } from '../sql-tools/sql-sandbox.ts';
import {
  type Outcome,
  type PreparedAnswer,
  SandboxWriter,
  type StatementSize,
  type WriteOptions,
} from './answer-sandbox.ts';
import type { ClaimedAnswer, ClaimResult, DueWatch } from './due-answers.ts';

/** The time after which other watches have their turn. */
const CLAIM_MS = 1_000;
/** The number of time-outs, without a write, after which the table counts as locked or slow. */
const MAX_TIMEOUTS = 3;

/**
 * Writes claimed answers of one watch into their rows, and records the outcomes in the same
 * commits. An answer that the table rejects fails; one that may succeed later is postponed. Neither
 * holds up the others.
 */
export async function writeAnswers(
  pool: Pool,
  watch: DueWatch,
  claimed: readonly ClaimedAnswer[],
  options: WriteOptions = {},
): Promise<ClaimResult> {
  const attempt = new Attempt(pool, watch, options);
  let untried = claimed;
  while (untried.length > 0 && attempt.goesOn) untried = await attempt.writeSome(untried);
  return { postponed: attempt.postponed, untried, isStuck: attempt.isStuck };
}

/** An attempt to write the answers of one claim, in as few transactions as possible. */
class Attempt {
  readonly #pool: Pool;
  readonly #watch: DueWatch;
  readonly #options: WriteOptions;
  readonly #startedAt = performance.now();
  readonly #size: StatementSize = { most: Number.POSITIVE_INFINITY };
  readonly postponed: ClaimedAnswer[] = [];
  #ended = 0;
  #timeouts = 0;
  /** True if the next answer was interrupted by the limits of answers that are written together. */
  #isInterrupted = false;
  /** True if a whole transaction failed, so that each answer gets its own. */
  #isOneByOne = false;

  constructor(pool: Pool, watch: DueWatch, options: WriteOptions) {
    this.#pool = pool;
    this.#watch = watch;
    this.#options = options;
  }

  get isStuck(): boolean {
    return this.#ended === 0 && this.#timeouts >= MAX_TIMEOUTS;
  }

  /** True if more answers are written before other watches have their turn. */
  get goesOn(): boolean {
    if (!this.#mayWrite) return false;
    return this.#isInterrupted || performance.now() - this.#startedAt < CLAIM_MS;
  }

  /** Writes the first of these answers in one transaction. Returns the others. */
  async writeSome(answers: readonly ClaimedAnswer[]): Promise<readonly ClaimedAnswer[]> {
    const together = this.#isOneByOne ? answers.slice(0, 1) : answers;
    this.#isInterrupted = false;
    const before = this.postponed.length;
    try {
      const { ended, untried } = await inTransaction(
        this.#pool,
        (client) => this.#writeTogether(client, together),
        FORGET_SESSION,
      );
      this.#ended += ended;
      return [...untried, ...answers.slice(together.length)];
    } catch (error) {
      this.postponed.length = before;
      if (together.length === 1) {
        this.#postpone(error, together[0] as ClaimedAnswer);
        return answers.slice(1);
      }
      this.#isOneByOne = true;
      return answers;
    }
  }

  async #writeTogether(client: PoolClient, answers: readonly ClaimedAnswer[]) {
    const prepared = await this.#prepare(client, answers);
    const outcomes = answers.flatMap((answer) => outcomeWithoutWrite(prepared, answer));
    const toWrite = answers.filter((answer) => isToWrite(prepared.get(answer.execution_id)));
    const { done, untried } = await this.#writeEach(client, toWrite, prepared);
    await endAnswers(client, [...outcomes, ...done]);
    return { ended: outcomes.length + done.length, untried };
  }

  async #prepare(client: PoolClient, answers: readonly ClaimedAnswer[]) {
    const { rows } = await client.query<PreparedAnswer>(
      'select * from howdah_private.prepare_answers($1, $2)',
      [this.#watch.table_trigger_id, answers.map(({ execution_id }) => execution_id)],
    );
    return new Map(rows.map((row) => [row.execution_id, row]));
  }

  /** Writes answers until one is interrupted or the time is up. */
  async #writeEach(
    client: PoolClient,
    answers: readonly ClaimedAnswer[],
    prepared: ReadonlyMap<string, PreparedAnswer>,
  ): Promise<{ done: Outcome[]; untried: readonly ClaimedAnswer[] }> {
    const writer = new SandboxWriter(client, prepared, this.#options, this.#size);
    let next = 0;
    while (next < answers.length && !writer.isTimeUp && this.#mayWrite) {
      const some = writer.firstOf(answers.slice(next));
      try {
        await writer.write(some, this.#timeouts > 0);
        next += some.length;
      } catch (error) {
        if (some.length > 1) continue; // fewer at once
        this.#isInterrupted = writer.hasWritten && isTransient(error);
        if (this.#isInterrupted) break;
        this.#postpone(error, some[0] as ClaimedAnswer);
        next += 1;
      }
    }
    return { done: await writer.finish(), untried: answers.slice(next) };
  }

  get #mayWrite(): boolean {
    return !this.isStuck && !this.#options.signal?.aborted;
  }

  #postpone(error: unknown, answer: ClaimedAnswer): void {
    if (isTimeout(error)) this.#timeouts += 1;
    this.postponed.push(answer);
    this.#options.onPostponed?.(error, answer.execution_id);
  }
}

function isToWrite(prepared: PreparedAnswer | undefined): boolean {
  return prepared?.outcome === null;
}

/** Returns the outcome of an answer that is not written, or an empty list. */
function outcomeWithoutWrite(
  prepared: ReadonlyMap<string, PreparedAnswer>,
  answer: ClaimedAnswer,
): Outcome[] {
  const row = prepared.get(answer.execution_id);
  if (isToWrite(row)) return [];
  return [{ answer, outcome: row?.outcome ?? null, error: row?.error ?? null }];
}

async function endAnswers(client: PoolClient, outcomes: readonly Outcome[]): Promise<void> {
  if (outcomes.length === 0) return;
  await client.query('select howdah_private.end_answers($1, $2, $3, $4)', [
    outcomes.map(({ answer }) => answer.execution_id),
    outcomes.map(({ answer }) => answer.claim),
    outcomes.map(({ outcome }) => outcome),
    outcomes.map(({ error }) => error),
  ]);
}
