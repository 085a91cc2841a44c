import { setTimeout as delay } from 'node:timers/promises';
import { HowdahError } from '../../contracts/errors.ts';
import type { Queryable } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';

/** The state of the vectors of a query, as `howdah.embed_query` returns it. */
type QueryState = {
  status: 'none' | 'pending' | 'ready' | 'failed';
  error?: { code: string; message: string };
};

const POLL_MS = 50;
/** The time that a worker may take. Without a mode, a search by words alone is better than late. */
const WAIT_MS = { required: 12_000, optional: 3_000 };

/**
 * Asks a worker for the vectors of a query of a search, and waits for them. `inTransaction` runs
 * each look, so that no connection is held meanwhile. If there is no vector, a search with a mode
 * fails, and one without a mode is by words alone.
 */
export async function embedQuery(
  inTransaction: <T>(work: (client: Queryable) => Promise<T>) => Promise<T>,
  { base, query, mode }: { base: string; query: string; mode: string | undefined },
  signal?: AbortSignal,
): Promise<void> {
  const endsAt = performance.now() + (mode ? WAIT_MS.required : WAIT_MS.optional);
  for (;;) {
    const { status, error } = await inTransaction((client) =>
      readState(client, base, query, mode),
    ).catch((thrown: unknown): QueryState => {
      if (mode || faultOf(thrown).code !== 'HWQTA') throw thrown;
      return { status: 'none' }; // too many queries wait for vectors
    });
    if (status === 'failed' && mode) throw notEmbedded(error);
    if (status !== 'pending' || performance.now() > endsAt) return;
    await delay(POLL_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

async function readState(
  client: Queryable,
  base: string,
  query: string,
  mode: string | undefined,
): Promise<QueryState> {
  const { rows } = await client.query<{ state: QueryState }>(
    `select howdah.embed_query(array[b.name], $2, $3) as state
     from howdah.knowledge_bases as b where b.id = $1`,
    [base, query, mode ?? null],
  );
  return rows[0]?.state ?? { status: 'none' };
}

const notEmbedded = (error: QueryState['error']) =>
  new HowdahError('HWCNF', `the query could not be embedded: ${error?.message ?? 'no answer'}`, {
    hint: 'Test the model: howdah models test NAME. Or leave mode out.',
    detail: { field: 'mode', code: error?.code ?? null },
  });
