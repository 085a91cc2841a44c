import type { IncomingHttpHeaders, ServerResponse } from 'node:http';
import { createBatchLoader } from '../../concurrency/batch-loader.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { Subject } from '../../db/access/subjects.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { mayDoBetter, positionOf, type Replica, writtenUpTo } from '../../db/connection/replica.ts';
import type { ApiMetrics } from '../../telemetry/metrics.ts';
import { type Connections, createConnections } from './connections.ts';

/** Where an answer to a write says how far the log was, and where a request says how far it must be read. */
const POSITION_HEADER = 'x-howdah-lsn';
/** How long a read waits for the replica before it asks the primary. */
const WAIT_MS = 100;
/** Beyond this, what the replica shows by now is forgotten. */
const MANY = 10_000;

type Reader = Pick<Subject, 'tenantId' | 'userId'>;
/** What a reader must see; undefined: all that was written by the time this is asked. */
type Known = { position: bigint | undefined };

/**
 * Reads of a server that has a replica: there, unless the reader could miss what he wrote or was shown. He is known by his
 * tenant and user in this process, and by the header in any.
 */
export type ReplicaRouter = {
  /** Answers by `fromReplica` when that shows all the reader knows of, else by `fromPrimary`; and by that after its failure. */
  read<T>(
    reader: Reader,
    position: bigint,
    fromReplica: () => Promise<T>,
    fromPrimary: () => Promise<T>,
  ): Promise<T>;
  /** The same, decided for several statements that belong together. */
  choose(reader: Reader, position: bigint): Promise<Chosen>;
  /** He has written: the answer, unless it was begun, says up to where. */
  wrote(reader: Reader, response: ServerResponse | undefined): Promise<void>;
  /** He has written, or was shown what is new. */
  saw(reader: Reader): void;
  readonly connections: Connections;
};

/** Whether it is the replica, and what to do with a failure of it: throws it, or says that the primary is to be asked. */
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
    metrics?.wasRead(server, reason);
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
  /** A position that was never written: waiting for it would tell that the replica is slow, and everybody who waits is sent away. */
  const isAhead = async (asked: bigint): Promise<boolean> => {
    if (asked === 0n || replica.hasReached(asked)) return false;
    const written = await end(null).then(positionOf, () => undefined);
    return written === undefined || asked > written;
  };
  const decide = async (reader: Reader, asked: bigint): Promise<boolean> => {
    if (replica.trouble !== undefined) return counted('primary', replica.trouble);
    const own = await mustSee(reader).catch(() => undefined);
    if (own === undefined || (await isAhead(asked))) return counted('primary', 'behind');
    const position = own > asked ? own : asked;
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
      const lsn = await end(null).catch(() => undefined); // then it is asked again by who reads
      if (lsn === undefined) return;
      entry.position = positionOf(lsn);
      if (response && !response.headersSent) response.setHeader(POSITION_HEADER, lsn);
    },
    saw: (reader) => void saw(reader),
  };
}

/** What a request says in the header; 0 when it says nothing. Throws `HWINV` for what is no position. */
export function readPosition(headers: IncomingHttpHeaders): bigint {
  const header = headers[POSITION_HEADER];
  if (header === undefined) return 0n;
  const position = positionOf(`${header}`.trim());
  if (position !== undefined) return position;
  throw new HowdahError('HWINV', 'X-Howdah-LSN is no position of the log', {
    hint: 'Send what the answer to a write had in this header, such as 0/16B3748, or leave it out.',
    detail: { field: 'X-Howdah-LSN' },
  });
}

function forget(known: Map<string, Known>, replica: Replica): void {
  for (const [key, { position }] of known) {
    if (position !== undefined && replica.hasReached(position)) known.delete(key);
  }
}
