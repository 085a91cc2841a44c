import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createBatchLoader } from '../../concurrency/batch-loader.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { Subject } from '../../db/access/subjects.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { mayDoBetter, positionOf, type Replica, writtenUpTo } from '../../db/connection/replica.ts';
import type { ApiMetrics } from '../../telemetry/metrics.ts';
import { type Connections, createConnections } from './connections.ts';

/**
 * The header with a position of the log. The answer to a write says how far the log was, and a
 * request says how far the log must be read.
 */
const POSITION_HEADER = 'x-howdah-lsn';
/** Time that a read waits for the replica before it goes to the primary. */
const WAIT_MS = 100;
/**
 * The number of remembered readers beyond which some are forgotten: those whose position the
 * replica has reached.
 */
const MANY = 10_000;

type Reader = Pick<Subject, 'tenantId' | 'userId'>;
/**
 * The position that a reader must see. Undefined means everything that is written by the time of
 * the next read.
 */
type Known = { position: bigint | undefined };

/**
 * Routes the reads of a server with a replica. A read goes to the replica, unless the reader could
 * miss what it wrote or was shown. A reader is known by its tenant and user in this process, and by
 * the header in any process.
 */
export type ReplicaRouter = {
  /**
   * Answers by `fromReplica` if the replica shows everything that the reader knows of, and
   * otherwise by `fromPrimary`. After a failure of the replica, answers by `fromPrimary`.
   */
  read<T>(
    reader: Reader,
    position: bigint,
    fromReplica: () => Promise<T>,
    fromPrimary: () => Promise<T>,
  ): Promise<T>;
  /** Makes the same choice for several statements that belong together. */
  choose(reader: Reader, position: bigint): Promise<Chosen>;
  /**
   * Records that the reader has written. Unless the response has started, its header says up to
   * which position.
   */
  wrote(reader: Reader, response: ServerResponse | undefined): Promise<void>;
  /** Records that the reader has written, or was shown what is new. */
  saw(reader: Reader): void;
  readonly connections: Connections;
};

/**
 * The chosen server. `forgive` handles a failure of the replica: it throws the error, or returns if
 * the primary is to be queried.
 */
export type Chosen = { isReplica: boolean; forgive(error: unknown): void };

export type ReplicaRouterOptions = {
  replica: Replica;
  primary: Pool;
  metrics: ApiMetrics | undefined;
};

export function createReplicaRouter({
  replica,
  primary,
  metrics,
}: ReplicaRouterOptions): ReplicaRouter {
  const known = new Map<string, Known>();
  const end = createBatchLoader(async (questions: null[]) => {
    const lsn = await writtenUpTo(primary);
    return questions.map(() => lsn);
  });
  const keyOf = ({ tenantId, userId }: Reader) => `${tenantId} ${userId ?? ''}`;
  const counted = (server: 'replica' | 'primary', reason: string) => {
    metrics?.countRead(server, reason);
    return server === 'replica';
  };
  const saw = (reader: Reader): Known => {
    if (known.size > MANY) forget(known, replica);
    const entry = { position: undefined };
    known.set(keyOf(reader), entry);
    return entry;
  };
  const mustSee = async (reader: Reader): Promise<bigint> => {
    const entry = known.get(keyOf(reader));
    if (!entry) return 0n;
    entry.position ??= positionOf(await end(null));
    return entry.position ?? 0n;
  };
  /**
   * Returns whether a position was never written. Waiting for such a position would show the
   * replica as slow, and all waiting reads would be sent away.
   */
  const isAhead = async (requested: bigint): Promise<boolean> => {
    if (requested === 0n || replica.hasReached(requested)) return false;
    const written = await end(null).then(positionOf, () => undefined);
    return written === undefined || requested > written;
  };
  const decide = async (reader: Reader, requested: bigint): Promise<boolean> => {
    if (replica.trouble !== undefined) return counted('primary', replica.trouble);
    const own = await mustSee(reader).catch(() => undefined);
    if (own === undefined || (await isAhead(requested))) return counted('primary', 'behind');
    const position = own > requested ? own : requested;
    if (position > 0n && !(await replica.reaches(position, WAIT_MS))) {
      return counted('primary', replica.trouble ?? 'behind');
    }
    return counted('replica', 'current');
  };
  const forgive = (error: unknown) => {
    if (!mayDoBetter(error)) throw error;
    counted('primary', 'failed');
  };
  const choose: ReplicaRouter['choose'] = async (reader, position) => ({
    isReplica: await decide(reader, position),
    forgive,
  });
  return {
    connections: createConnections(replica.pool),
    choose,
    async read(reader, position, fromReplica, fromPrimary) {
      if (!(await choose(reader, position)).isReplica) return fromPrimary();
      try {
        return await fromReplica();
      } catch (error) {
        forgive(error);
        return fromPrimary();
      }
    },
    async wrote(reader, response) {
      const entry = saw(reader);
      const lsn = await end(null).catch(() => undefined); // the next read asks again
      if (lsn === undefined) return;
      entry.position = positionOf(lsn);
      if (response && !response.headersSent) response.setHeader(POSITION_HEADER, lsn);
    },
    saw: (reader) => void saw(reader),
  };
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

function forget(known: Map<string, Known>, replica: Replica): void {
  for (const [key, { position }] of known) {
    if (position !== undefined && replica.hasReached(position)) known.delete(key);
  }
}
