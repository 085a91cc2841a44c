import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createBatchLoader } from '../../concurrency/batch-loader.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { positionOf } from '../../contracts/log-position.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { mayDoBetter, type Replica, writtenUpTo } from '../../db/connection/replica.ts';
import type { DecryptContents } from '../../secrets/contents.ts';
import type { ApiMetrics } from '../../telemetry/metrics.ts';
import { type Connections, createConnections } from '../limits/connections.ts';
import { type PositionReader, ReaderPositions } from './reader-positions.ts';

/**
 * The header with a position of the log. The answer to a write says how far the log was, and a
 * request says how far the log must be read.
 */
const POSITION_HEADER = 'x-howdah-lsn';
/** Time that a read waits for the replica before it goes to the primary. */
const WAIT_MS = 100;

/**
 * The chosen server. `rethrowUnlessPrimaryCanAnswer` is called with an error of the replica. It
 * throws the error, or returns if the primary is to be queried.
 */
export type Chosen = { isReplica: boolean; rethrowUnlessPrimaryCanAnswer(error: unknown): void };

export type ReplicaRouterOptions = {
  replica: Replica;
  primary: Pool;
  metrics: ApiMetrics | undefined;
  /** Decrypts contents in results. Without it, contents stay encrypted. */
  decrypt?: DecryptContents;
};

/**
 * Routes the reads of a server with a replica. A read goes to the replica, unless the reader could
 * miss what it wrote or was shown. A reader is known by its tenant and user in this process, and by
 * the header in any process.
 */
export class ReplicaRouter {
  /** The connections to the replica. */
  readonly connections: Connections;
  readonly #replica: Replica;
  readonly #metrics: ApiMetrics | undefined;
  readonly #readEnd: (question: null) => Promise<string>;
  readonly #positions: ReaderPositions;

  constructor({ replica, primary, metrics, decrypt }: ReplicaRouterOptions) {
    this.connections = createConnections(replica.pool, decrypt);
    this.#replica = replica;
    this.#metrics = metrics;
    this.#readEnd = createBatchLoader(async (questions: null[]) => {
      const lsn = await writtenUpTo(primary);
      return questions.map(() => lsn);
    });
    this.#positions = new ReaderPositions(async () => positionOf(await this.#readEnd(null)) ?? 0n);
  }

  /**
   * Answers by `fromReplica` if the replica shows everything that the reader knows of, and
   * otherwise by `fromPrimary`. After a failure of the replica, answers by `fromPrimary`.
   */
  async read<T>(
    reader: PositionReader,
    position: bigint,
    fromReplica: () => Promise<T>,
    fromPrimary: () => Promise<T>,
  ): Promise<T> {
    const { isReplica, rethrowUnlessPrimaryCanAnswer } = await this.choose(reader, position);
    if (!isReplica) return fromPrimary();
    try {
      return await fromReplica();
    } catch (error) {
      rethrowUnlessPrimaryCanAnswer(error);
      return fromPrimary();
    }
  }

  /** Makes the same choice for several statements that belong together. */
  async choose(reader: PositionReader, position: bigint): Promise<Chosen> {
    const reason = await this.#reasonForPrimary(reader, position);
    this.#metrics?.countRead(reason === undefined ? 'replica' : 'primary', reason ?? 'current');
    return {
      isReplica: reason === undefined,
      rethrowUnlessPrimaryCanAnswer: (error) => {
        if (!mayDoBetter(error)) throw error;
        this.#metrics?.countRead('primary', 'failed');
      },
    };
  }

  /**
   * Records that the reader has written. Unless the response has started, its header says up to
   * which position.
   */
  async recordWrite(reader: PositionReader, response: ServerResponse | undefined): Promise<void> {
    const requirement = this.#positions.requireLatest(reader);
    const lsn = await this.#readEnd(null).catch(() => undefined); // the next read asks again
    if (lsn === undefined) return;
    requirement.position = positionOf(lsn);
    if (response && !response.headersSent) response.setHeader(POSITION_HEADER, lsn);
  }

  /** Records that the reader has written, or was shown what is new. */
  requireLatest(reader: PositionReader): void {
    this.#positions.requireLatest(reader);
  }

  /** Returns why a read goes to the primary, or undefined if it goes to the replica. */
  async #reasonForPrimary(reader: PositionReader, requested: bigint): Promise<string | undefined> {
    const replica = this.#replica;
    if (replica.trouble !== undefined) return replica.trouble;
    const own = await this.#positions.find(reader).catch(() => undefined);
    if (own === undefined || (await this.#isAhead(requested))) return 'behind';
    const position = own > requested ? own : requested;
    if (position === 0n || (await replica.reaches(position, WAIT_MS))) return undefined;
    return replica.trouble ?? 'behind';
  }

  /**
   * Returns whether a position was never written. Waiting for such a position would show the
   * replica as slow, and all waiting reads would be sent away.
   */
  async #isAhead(requested: bigint): Promise<boolean> {
    if (requested === 0n || this.#replica.hasReached(requested)) return false;
    const written = await this.#readEnd(null).then(positionOf, () => undefined);
    return written === undefined || requested > written;
  }
}

/**
 * Returns the position in the header of a request, or 0 without the header. Throws `HWINV` for an
 * invalid position.
 */
export function readPosition(headers: IncomingHttpHeaders): bigint {
  const header = headers[POSITION_HEADER];
  if (header === undefined) return 0n;
  const position = positionOf(`${header}`.trim());
  if (position !== undefined) return position;
  throw new HowdahError('HWINV', 'X-Howdah-LSN is not a valid log position', {
    hint: 'Send the value of this header from the answer to a write, such as 0/16B3748, or leave it out.',
    detail: { field: 'X-Howdah-LSN' },
  });
}
