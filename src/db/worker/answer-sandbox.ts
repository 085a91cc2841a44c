import { type PoolClient, quoteText } from '../connection/pool.ts';
import { faultOf, isRefusal } from '../connection/sqlstate.ts';
import { type BoundWrite, writeInSandbox } from '../sql-tools/sql-sandbox.ts';
import type { ClaimedAnswer } from './due-answers.ts';

// Answers of one watch are written together, in one transaction, which locks rows of the user. Such
// a transaction must neither hold the rows for long nor wait long for others: the user may hold one
// row, and wait for another that is written here. Postgres would end one of the two after a second.
// So an answer has short limits once another is written before it. If it exceeds them, the
// transaction commits, and the answer is the first of the next one, with the limits of a lone
// write. Many answers go in one round trip, because a busy machine delays each.

/** The limits of an answer whose transaction holds no row of the user yet, in milliseconds. */
const ALONE = { lockMs: 5_000, timeoutMs: 10_000 };
/** The limits of further answers in one round trip. With `TOGETHER_MS` they are below a second. */
const TOGETHER = { lockMs: 100, timeoutMs: 500 };
/** The time after which a transaction commits what it has written. */
const TOGETHER_MS = 200;
/** The contents of an answer as texts, JSON included. */
export type AnswerContents = { output: string | null; output_data: string | null };

export type WriteOptions = {
  /**
   * Decrypts the answer of a run that was encrypted while it waited to be written. Throws if the
   * answer cannot be decrypted.
   */
  decrypt?(executionId: string, answer: AnswerContents): Promise<AnswerContents>;
  /** Called when an answer could not be written now. */
  onPostponed?(error: unknown, executionId: string): void;
  /** Stops between two answers when it fires. */
  signal?: AbortSignal;
  /** The time limit of a write. */
  timeoutMs?: number;
  /** Measurements of earlier claims of the watch. This claim updates them. */
  pace?: Pace;
};

/** The time that the server takes for an answer of a watch, in milliseconds, if it is known. */
export type Pace = { msPerAnswer: number | undefined };

/** An answer to write, or the outcome without a write. */
export type PreparedAnswer = AnswerContents & {
  execution_id: string;
  outcome: string | null;
  error: string | null;
  watched: string;
  statement: string;
  key: string;
  before: string | null;
};

/** The outcome of an answer: null if there is nothing to write any more. */
export type Outcome = { answer: ClaimedAnswer; outcome: string | null; error: string | null };

/**
 * Writes answers of one watch in a transaction, as many at once as the time allows. While the pace
 * of the watch is unknown, the first is written by itself. If several fail, each of the rest is
 * written in a savepoint of its own.
 */
export class SandboxWriter {
  readonly #client: PoolClient;
  readonly #prepared: ReadonlyMap<string, PreparedAnswer>;
  readonly #options: WriteOptions;
  readonly #pace: Pace;
  readonly #startedAt = performance.now();
  readonly #done: Outcome[] = [];
  /** The state of the sandbox before the first write, which `check_leftovers` needs. */
  #state: string | undefined;
  #isOneByOne = false;
  /** True if the transaction may hold a row of the user. */
  hasWritten = false;

  constructor(
    client: PoolClient,
    prepared: ReadonlyMap<string, PreparedAnswer>,
    options: WriteOptions,
  ) {
    this.#client = client;
    this.#prepared = prepared;
    this.#options = options;
    this.#pace = options.pace ?? { msPerAnswer: undefined };
  }

  get isTimeUp(): boolean {
    return this.hasWritten && performance.now() - this.#startedAt > TOGETHER_MS;
  }

  /** The number of answers that can probably be written at once. */
  get size(): number {
    const { msPerAnswer } = this.#pace;
    if (msPerAnswer === undefined || this.#isOneByOne) return 1;
    return Math.max(1, Math.floor(TOGETHER_MS / msPerAnswer));
  }

  /**
   * Writes answers. Throws if the write may succeed later, or if there are several and not all were
   * written; then none is. After a time-out of the claim, no lock is waited for long.
   */
  async write(answers: readonly ClaimedAnswer[], isAfterTimeout: boolean): Promise<void> {
    const { timeoutMs = ALONE.timeoutMs } = this.#options;
    const isAlone = !this.hasWritten && answers.length === 1;
    const limits = isAlone ? { ...ALONE, timeoutMs } : TOGETHER;
    const lockMs = isAfterTimeout ? TOGETHER.lockMs : limits.lockMs;
    const ids = answers.map(({ execution_id }) => execution_id);
    const verify = `select howdah_private.check_answers_are_newest(${quoteText(`{${ids}}`)})`;
    try {
      const writes = await Promise.all(answers.map((answer) => this.#readWrite(answer)));
      this.#state ??= await readSandboxState(this.#client);
      const { values, tookMs } = await writeInSandbox(this.#client, writes, {
        ...{ ...limits, lockMs, verify },
      });
      for (const [index, answer] of answers.entries()) {
        this.#done.push({ answer, outcome: values[index] ?? 'failed', error: null });
      }
      this.hasWritten = true;
      this.#pace.msPerAnswer = tookMs / answers.length;
    } catch (error) {
      this.#isOneByOne ||= answers.length > 1;
      this.#pace.msPerAnswer = undefined;
      const [answer] = answers;
      if (!answer || answers.length > 1 || !isRefusal(error)) throw error;
      this.#done.push({ answer, outcome: 'failed', error: errorJson(error) });
    }
  }

  /** Returns the statement that writes an answer, with the answer in plain text. */
  async #readWrite({ execution_id }: ClaimedAnswer): Promise<BoundWrite> {
    const prepared = this.#prepared.get(execution_id) as PreparedAnswer;
    const { statement, key, before, output, output_data } = prepared;
    const { decrypt = async (_id, answer) => answer } = this.#options;
    const plain = await decrypt(execution_id, { output, output_data });
    return { executionId: execution_id, statement, argument: argumentOf(key, before, plain) };
  }

  /**
   * Returns the outcomes. Refuses writes during which code of a tenant was on the table, or which
   * left something that would act later. Throws if that may hold for some of the answers only.
   */
  async finish(): Promise<Outcome[]> {
    if (!this.hasWritten) return this.#done;
    const watched = this.#prepared.get(this.#done[0]?.answer.execution_id ?? '')?.watched ?? '';
    try {
      await this.#client.query(
        `select howdah_private.check_leftovers(${quoteText(this.#state ?? '')}),
           howdah_private.check_tenant_code(${quoteText(watched)})`,
      );
      return this.#done;
    } catch (error) {
      if (this.#done.length > 1 || !isRefusal(error)) throw error;
      await this.#client.query('rollback to savepoint answers');
      return this.#done.map((done) => ({ ...done, outcome: 'failed', error: errorJson(error) }));
    }
  }
}

/** Returns the state of the sandbox. What follows can be undone to the savepoint `answers`. */
async function readSandboxState(client: PoolClient): Promise<string> {
  const query = 'savepoint answers; select howdah_private.sandbox_state() as state';
  const results = (await client.query(query)) as unknown as { rows: { state: string }[] }[];
  return results[1]?.rows[0]?.state ?? '';
}

/** Builds the argument of the statement. JSON texts stay as they are, digit by digit. */
function argumentOf(key: string, before: string | null, { output, output_data }: AnswerContents) {
  const [beforeJson, outputJson] = [JSON.stringify(before), JSON.stringify(output)];
  return `{"key":${key},"before":${beforeJson},"output":${outputJson},"output_data":${output_data ?? 'null'}}`;
}

function errorJson(error: unknown): string {
  const { code, message } = faultOf(error);
  return JSON.stringify({ code, message });
}
