import { setTimeout as delay } from 'node:timers/promises';
import type { Queryable } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';

const POLL_MS = 50;
/** The time that a worker may take, whose call of a model takes 5 seconds at most. */
const WAIT_MS = 6_000;

type Search = {
  base: string;
  query: string;
  k: number;
  filter: string;
  mode: string | null;
};

/**
 * Asks a worker to rank the candidates of a search, and waits for it. `inTransaction` runs each
 * look, so that no connection is held meanwhile. Without a ranking, the search keeps its order, and
 * its chunks say why.
 */
export async function rerankQuery(
  inTransaction: <T>(work: (client: Queryable) => Promise<T>) => Promise<T>,
  search: Search,
  signal?: AbortSignal,
): Promise<void> {
  const endsAt = performance.now() + WAIT_MS;
  for (;;) {
    const status = await inTransaction((client) => readStatus(client, search)).catch(
      (thrown: unknown) => {
        if (faultOf(thrown).code !== 'HWQTA') throw thrown;
        return 'none'; // too many searches wait for rerankers
      },
    );
    if (status !== 'pending' || performance.now() > endsAt) return;
    await delay(POLL_MS, undefined, { signal }).catch(() => signal?.throwIfAborted());
  }
}

async function readStatus(
  client: Queryable,
  { base, query, k, filter, mode }: Search,
): Promise<string | undefined> {
  const { rows } = await client.query<{ status: string }>(
    `select howdah.rerank_query(array[b.name], $2, $3, $4, $5) ->> 'status' as status
     from howdah.knowledge_bases as b where b.id = $1 and b.rerank_model_id is not null`,
    [base, query, k, filter, mode],
  );
  return rows[0]?.status;
}
