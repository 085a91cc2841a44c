import { FairQueue } from '../../concurrency/fair-queue.ts';
import type { Rows } from '../../contracts/bounded-read.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { waitForBackendEnd } from '../connection/backend-end.ts';
import type { Pool } from '../connection/pool.ts';
import type { ReadOurs } from '../query-analysis/describe-tables.ts';
import { parseQuery } from '../query-analysis/parse.ts';
import { type RowsRequest, readBound } from './bounded-read.ts';

/** Runs queries of models, of maps and of alert rules. */
export type QueryPool = {
  /** Parses a query and runs it when the tenant's turn has come. */
  rows(request: RowsRequest): Promise<Outcome<Rows>>;
  /** Runs a query of Howdah with the rights of such queries, when the tenant's turn has come. */
  readOurs: ReadOurs;
};

/** The longest wait for a turn, unless the signal of the request fires first. */
const WAIT_MS = 60_000;

/** Runs `read` when the tenant's turn has come. `onLoss` gets a backend that may be at work. */
export type ReadInTurn = (
  tenantId: string,
  signal: AbortSignal,
  read: (onLoss: (processId: number) => void) => Promise<Outcome<Rows>>,
) => Promise<Outcome<Rows>>;

/**
 * Shares places for queries fairly among tenants. A tenant has at most half of them, so that its
 * slow queries never take all. A query gives its place back when it has ended on the server, at its
 * time-out at the latest. A query that PostgreSQL cannot interrupt keeps its place longer.
 */
export function createReadTurns(pool: Pool, places: number, waitMs = WAIT_MS): ReadInTurn {
  const share = Math.max(1, Math.floor(places / 2));
  const queue = new FairQueue({ places, max_per_key: share });
  return async (tenantId, signal, read) => {
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(waitMs)]);
    let release: () => void;
    try {
      release = await queue.acquire(tenantId, deadline);
    } catch {
      return overloadError(waitMs, share);
    }
    let lost: number | undefined;
    try {
      return await read((processId) => {
        lost = processId;
      });
    } finally {
      if (lost === undefined) release();
      else void waitForBackendEnd(pool, lost).catch(ignore).finally(release);
    }
  };
}

/** Creates the queries of a worker, which share the connections of `pool`. */
export function createQueryPool(pool: Pool, places: number, waitMs = WAIT_MS): QueryPool {
  const inTurn = createReadTurns(pool, places, waitMs);
  const readOurs: ReadOurs = (request, parsed) =>
    inTurn(request.boundTo.tenantId, request.signal, (onLoss) =>
      readBound(pool, request, parsed, onLoss),
    );
  return {
    readOurs,
    rows: async (request) => {
      const parsed = await parseQuery(request.query, request.schemas);
      return parsed.ok ? readOurs(request, parsed.value) : parsed;
    },
  };
}

/** Ignores that the pool was closed, after which no place matters. */
function ignore(): void {}

function overloadError(waitMs: number, share: number): Outcome<never> {
  const message = `the query waited ${waitMs / 1000} s for its turn: at most ${share} queries of one tenant run at a time in one process`;
  return { ok: false, error: { code: 'overloaded', message, retryable: true } };
}
