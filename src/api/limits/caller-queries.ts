import type { ReadLimits, Rows } from '../../contracts/bounded-read.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { parseInThread } from '../../db/query-analysis/thread-parser.ts';
import { type CallerSettings, queryAsCaller } from '../../db/sql-tools/query-as-caller.ts';
import { createReadTurns } from '../../db/sql-tools/query-pool.ts';
import type { RequestQueue } from '../http/request-queue.ts';
import type { Identity } from '../login/auth-result.ts';
import type { Connections } from './connections.ts';

/** Queries of people that run at a time. One tenant has at most half of them, as in a worker. */
const PLACES = 4;
/** The longest wait of a query for its turn. */
const WAIT_MS = 10_000;

/** Runs a SELECT with the rows that its caller may see. */
type QueryRows = (query: string, limits: ReadLimits) => Promise<Outcome<Rows>>;

/**
 * Returns the queries of a caller, whom `settings` name. `leftSignal` returns a signal that fires
 * when nobody waits for the rows any more.
 */
export type CallerQueries = (
  identity: Identity,
  settings: CallerSettings,
  leftSignal: () => AbortSignal,
) => QueryRows;

/**
 * Creates the queries of people. A query is read before it has a turn, and has a turn before it
 * takes a connection, so that slow queries hold up only one another.
 */
export function createCallerQueries(
  pool: Pool,
  { connections, requestQueue }: { connections: Connections; requestQueue: RequestQueue },
): CallerQueries {
  const inTurn = createReadTurns(pool, PLACES, WAIT_MS);
  return (identity, settings, leftSignal) => async (query, limits) => {
    const { tenantId } = identity;
    const signal = leftSignal();
    const parsed = await parseInThread(tenantId, query);
    if (!parsed.ok) return parsed;
    const lent = connections.withoutDecryption(identity);
    const request = { query, limits, schemas: null, signal };
    return inTurn(tenantId, signal, (onLoss) =>
      requestQueue.run(identity, () =>
        queryAsCaller(lent, settings, request, parsed.value, onLoss),
      ),
    );
  };
}
