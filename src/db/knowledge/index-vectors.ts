import { HowdahError } from '../../contracts/errors.ts';
import { type Client, createClient, type Queryable } from '../connection/pool.ts';
import { refusePooler } from '../connection/pooler-check.ts';
import { faultOf, isConnectionLoss } from '../connection/sqlstate.ts';

// Builds the indexes of vectors by pgvector, which vector_indexes.sql plans. Statements that create
// and drop them concurrently hold up neither readers nor writers, but belong in no transaction and
// need the owner of the table. A build whose process ends leaves an invalid index, which the next
// call drops and builds again.

/** A statement that creates or drops an index. */
export type PlannedIndex = {
  action: 'create' | 'drop';
  name: string;
  statement: string;
  knowledge_base_id: string | null;
  /** Number of vectors; null for an index that is dropped. */
  vectors: number | null;
  /** The memory in which a build is fastest. */
  bytes: number | null;
};

/** The outcome of a statement. If it failed, the next call tries again. */
export type IndexOutcome = Omit<PlannedIndex, 'statement' | 'bytes'> & {
  ms: number;
  error: string | null;
};

export type IndexOptions = {
  url: string;
  /** The most memory of a build, in megabytes. A larger index is built slowly. */
  memoryMb?: number | undefined;
  /** The fewest vectors that get an index. */
  atLeast?: number | undefined;
  signal?: AbortSignal | undefined;
};

const ONE_AT_A_TIME = `hashtextextended('howdah.vector_indexes', 0)`;
const DEFAULT_MEMORY_MB = 512;
/**
 * The longest wait for transactions that are older than the build. Only other changes of the table,
 * such as migrations, wait meanwhile.
 */
const LOCK_TIMEOUT = '5min';

/** Returns the indexes that would be dropped and created now. */
export async function plannedIndexes(client: Queryable, atLeast?: number): Promise<PlannedIndex[]> {
  const { rows } = await client.query<PlannedIndex>(
    `select p.action, p.name, p.statement, p.knowledge_base_id, p.vectors::float8 as vectors,
       p.bytes::float8 as bytes
     from howdah_private.planned_vector_indexes(coalesce($1, 10000)) as p`,
    [atLeast ?? null],
  );
  return rows;
}

/**
 * Creates and drops indexes of vectors, one after another. Returns undefined when another process
 * does. Throws `HWDEN` for a login that is not an owner.
 */
export async function indexVectors(options: IndexOptions): Promise<IndexOutcome[] | undefined> {
  await refusePooler(options.url, 'howdah-vector-indexes');
  const client = createClient({ url: options.url, applicationName: 'howdah-vector-indexes' });
  await client.connect();
  try {
    await becomeOwner(client);
    const { rows } = await client.query(`select pg_try_advisory_lock(${ONE_AT_A_TIME}) as is_mine`);
    if (!rows[0].is_mine) return undefined;
    const outcomes: IndexOutcome[] = [];
    for (const planned of await plannedIndexes(client, options.atLeast)) {
      if (options.signal?.aborted) break;
      outcomes.push(await apply(client, planned, options.memoryMb ?? DEFAULT_MEMORY_MB));
    }
    return outcomes;
  } finally {
    await client.end();
  }
}

/** Takes the role of the owner. The server ends a build soon after this process has died. */
async function becomeOwner(client: Client): Promise<void> {
  await client.query('set role howdah_owner').catch((cause) => {
    throw new HowdahError('HWDEN', 'only an owner of the database may create indexes of vectors', {
      hint: 'Run howdah admin index-vectors as an owner, or grant howdah_owner to the login of the workers.',
      detail: {},
      cause,
    });
  });
  await client.query(`set lock_timeout = '${LOCK_TIMEOUT}'`);
  await client.query(`set client_connection_check_interval = '10s'`);
  // Parallel workers would share the memory in /dev/shm, which is small in containers.
  await client.query('set max_parallel_maintenance_workers = 0');
}

async function apply(
  client: Client,
  { statement, bytes, ...planned }: PlannedIndex,
  memoryMb: number,
): Promise<IndexOutcome> {
  const begin = performance.now();
  const outcome = (error: string | null): IndexOutcome => {
    return { ...planned, ms: Math.round(performance.now() - begin), error };
  };
  try {
    await setMemory(client, Math.min((bytes ?? 0) / 2 ** 20, memoryMb));
    await client.query(statement);
    return outcome(null);
  } catch (error) {
    if (isConnectionLoss(error)) throw error;
    return outcome(faultOf(error).message);
  }
}

/** Gives a build this memory, or that of the server if it is more. */
async function setMemory(client: Client, megabytes: number): Promise<void> {
  await client.query('reset maintenance_work_mem');
  await client.query(
    `select set_config('maintenance_work_mem', $1, false)
     where pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes($1)`,
    [`${Math.ceil(megabytes) + 1}MB`],
  );
}
