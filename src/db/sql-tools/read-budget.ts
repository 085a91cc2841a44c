import { HowdahError } from '../../contracts/errors.ts';
import { breakConnection } from '../connection/cancel-statement.ts';
import type { PoolClient } from '../connection/pool.ts';

/** Limits on the data that may be read. */
export type ReadBounds = Readonly<{
  /** Bytes that the server sends. */
  bytes: number;
  /**
   * Commas in these bytes, because the time to read a JSON text or an array grows with its values.
   */
  values?: number;
  /**
   * Columns of rows, counted as often as the result shows their row. A row may be part of many
   * others.
   */
  cells?: number;
}>;

const COMMA = 0x2c;

/**
 * Counts the data that the server sends on the connections of one request. A row may have many
 * megabytes, and its size is unknown until it arrives. Bytes are therefore counted as they arrive,
 * before they are parsed. Beyond a limit the connections are destroyed: their statements fail with
 * `HWINV`, and the server rolls back their transactions.
 */
export class ReadBudget {
  readonly #bounds: ReadBounds;
  readonly #clients = new Set<PoolClient>();
  #bytes = 0;
  #values = 0;
  #cells = 0;
  #refusal: HowdahError | undefined;

  constructor(bounds: ReadBounds) {
    this.#bounds = bounds;
  }

  get isSpent(): boolean {
    return this.#refusal !== undefined;
  }

  /** Bytes that were read so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Throws `HWINV` if more was read than is allowed. */
  throwIfSpent(): void {
    if (this.#refusal) throw this.#refusal;
  }

  /**
   * Counts the data that arrives on a connection until the returned function is called. May destroy
   * the connection.
   */
  watch(client: PoolClient): () => void {
    const { stream } = (client as unknown as { connection: Wire }).connection;
    const count = (chunk: Buffer) => this.#count(chunk);
    stream.prependListener('data', count);
    this.#clients.add(client);
    return () => {
      stream.removeListener('data', count);
      this.#clients.delete(client);
    };
  }

  /** Counts columns of rows before the result is made. Throws `HWINV` if there are too many. */
  countCells(count: number): void {
    const { cells } = this.#bounds;
    this.#cells += count;
    if (cells !== undefined && this.#cells > cells) this.#spend('cells', cells, `${cells} columns`);
    this.throwIfSpent();
  }

  /** Counts bytes that were made of what the server sent. Throws `HWINV` if there are too many. */
  charge(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#bounds.bytes) this.#spendBytes();
    this.throwIfSpent();
  }

  /** Resets the counts, for the next event of a subscription. */
  reset(): void {
    this.#bytes = 0;
    this.#values = 0;
    this.#cells = 0;
    this.#refusal = undefined;
  }

  #count(chunk: Buffer): void {
    const { bytes, values } = this.#bounds;
    this.#bytes += chunk.length;
    if (values !== undefined) this.#values += commasIn(chunk, values - this.#values + 1);
    if (this.#bytes > bytes) this.#spendBytes();
    else if (values !== undefined && this.#values > values) {
      this.#spend('values', values, `${values} values`);
    }
  }

  #spendBytes(): void {
    const { bytes } = this.#bounds;
    this.#spend('bytes', bytes, `${bytes / 1_000_000} MB`);
  }

  #spend(limit: keyof ReadBounds, most: number, what: string): void {
    if (this.#refusal) return;
    const error = new HowdahError('HWINV', `the request reads more than ${what}`, {
      hint: 'Ask for fewer rows at once (`first` in GraphQL, `limit` in REST), or leave out fields with large values.',
      detail: { limit, most },
    });
    this.#refusal = error;
    for (const client of this.#clients) {
      // The rollback that follows is rejected too.
      client.query = (() => Promise.reject(error)) as PoolClient['query'];
      breakConnection(client, error);
    }
  }
}

/** The parts of a connection of node-pg that its types leave out. */
type Wire = {
  stream: {
    prependListener(event: 'data', listener: (chunk: Buffer) => void): unknown;
    removeListener(event: 'data', listener: (chunk: Buffer) => void): unknown;
  };
};

/** Counts commas, up to `most`. */
function commasIn(chunk: Buffer, most: number): number {
  let count = 0;
  for (let at = chunk.indexOf(COMMA); at >= 0 && count < most; at = chunk.indexOf(COMMA, at + 1)) {
    count += 1;
  }
  return count;
}
