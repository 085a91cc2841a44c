import { type PoolClient, quoteText } from '../connection/pool.ts';
import { faultOf, isRefusal, isTransient } from '../connection/sqlstate.ts';
import { type BoundWrite, writeInSandbox } from '../sql-tools/sql-sandbox.ts';
import type { ClaimedAnswer } from './due-answers.ts';

// Answers of one watch are written together, in one transaction, which locks rows of the user. Such
// a transaction must neither hold the rows for long nor wait long for others: the user may hold one
// row, and wait for another that is written here. Postgres would end one of the two after a second.
// So an answer has short limits once another is written before it. If it exceeds them, the
// transaction commits, and the answer is the first of the next one, with the limits of a lone
// write. Many answers go in one statement, because each statement costs more than a row.

/** The limits of an answer whose transaction holds no row of the user yet, in milliseconds. */
const ALONE = { lockMs: 5_000, timeoutMs: 10_000 };
/** The limits of further answers in one statement. With `TOGETHER_MS` they are below a second. */
const TOGETHER = { lockMs: 100, timeoutMs: 500 };
/** The time after which a transaction commits what it has written. */
const TOGETHER_MS = 200;
/** The most characters of answers in one statement. A longer answer has a statement of its own. */
const TOGETHER_LENGTH = 4_000_000;
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

/** The most answers of the next statement. It lasts for all transactions of a claim. */
export type StatementSize = { most: number };

/** An answer to write, or the outcome without a write. */
export type PreparedAnswer = AnswerContents & {
  execution_id: string;
  outcome: string | null;
  error: string | null;
  watched: string;
  statement: string;
  key: string;
  before: string | null;
  /** The chain of watches that led to the run. */
  watches: string[];
};

/** The outcome of an answer: null if there is nothing to write any more. */
export type Outcome = { answer: ClaimedAnswer; outcome: string | null; error: string | null };

/**
 * Writes answers of one watch in a transaction, as many at once as the time allows. While the pace
 * of the watch is unknown, the first is written by itself. If several fail, half of them are tried,
 * until the one that fails is alone; after each success twice as many are tried.
 */
export class SandboxWriter {
  readonly #client: PoolClient;
  readonly #prepared: ReadonlyMap<string, PreparedAnswer>;
  readonly #options: WriteOptions;
  readonly #pace: Pace;
  readonly #size: StatementSize;
  readonly #startedAt = performance.now();
  readonly #done: Outcome[] = [];
  /** The state of the sandbox before the first write, which `check_leftovers` needs. */
  #state: string | undefined;
  /** True if the transaction may hold a row of the user. */
  hasWritten = false;

  constructor(
    client: PoolClient,
    prepared: ReadonlyMap<string, PreparedAnswer>,
    options: WriteOptions,
    size: StatementSize,
  ) {
    this.#client = client;
    this.#size = size;
    this.#prepared = prepared;
    this.#options = options;
    this.#pace = options.pace ?? { msPerAnswer: undefined };
  }

  get isTimeUp(): boolean {
    return this.hasWritten && performance.now() - this.#startedAt > TOGETHER_MS;
  }

  /** Returns the first of these answers that can probably be written by one statement. */
  firstOf(answers: readonly ClaimedAnswer[]): readonly ClaimedAnswer[] {
    const { msPerAnswer } = this.#pace;
    const most = msPerAnswer === undefined ? 1 : Math.floor(TOGETHER_MS / msPerAnswer);
    const some = answers.slice(0, Math.max(1, Math.min(most, this.#size.most)));
    let length = 0;
    const end = some.findIndex((answer, index) => {
      const { watches, output, output_data } = this.#preparedOf(answer);
      length += (output?.length ?? 0) + (output_data?.length ?? 0);
      const isOther = String(watches) !== String(this.#preparedOf(some[0] ?? answer).watches);
      return index > 0 && (isOther || length > TOGETHER_LENGTH);
    });
    return end < 0 ? some : some.slice(0, end);
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
      const write = await this.#readWrite(answers);
      this.#state ??= await readSandboxState(this.#client);
      const { values, tookMs } = await writeInSandbox(this.#client, write, {
        ...{ ...limits, lockMs, verify },
      });
      for (const [index, answer] of answers.entries()) {
        this.#done.push({ answer, outcome: values[index] ?? 'failed', error: null });
      }
      this.hasWritten = true;
      this.#pace.msPerAnswer = tookMs / answers.length;
      this.#size.most *= 2;
    } catch (error) {
      this.#size.most = isTransient(error) ? 1 : Math.ceil(answers.length / 2);
      if (isTransient(error)) this.#pace.msPerAnswer = undefined;
      const [answer] = answers;
      if (!answer || answers.length > 1 || !isRefusal(error)) throw error;
      this.#done.push({ answer, outcome: 'failed', error: errorJson(error) });
    }
  }

  #preparedOf({ execution_id }: ClaimedAnswer): PreparedAnswer {
    return this.#prepared.get(execution_id) as PreparedAnswer;
  }

  /** Returns the statement that writes answers, with the answers in plain text. */
  async #readWrite(answers: readonly ClaimedAnswer[]): Promise<BoundWrite> {
    const { decrypt = async (_id, answer) => answer } = this.#options;
    const values = await Promise.all(
      answers.map(async (answer) => {
        const { execution_id, key, before, output, output_data } = this.#preparedOf(answer);
        return argumentOf(key, before, await decrypt(execution_id, { output, output_data }));
      }),
    );
    const { execution_id, statement } = this.#preparedOf(answers[0] as ClaimedAnswer);
    return { executionId: execution_id, statement, argument: `[${values}]` };
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

/** Builds the argument for one answer. JSON texts stay as they are, digit by digit. */
function argumentOf(key: string, before: string | null, { output, output_data }: AnswerContents) {
  const [beforeJson, outputJson] = [JSON.stringify(before), JSON.stringify(output)];
  return `{"key":${key},"before":${beforeJson},"output":${outputJson},"output_data":${output_data ?? 'null'}}`;
}

function errorJson(error: unknown): string {
  const { code, message } = faultOf(error);
  return JSON.stringify({ code, message });
}
