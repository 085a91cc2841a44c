import { availableParallelism } from 'node:os';
import { FairQueue } from '../../concurrency/fair-queue.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { Subject } from '../../db/access/subjects.ts';
import { cancelOnAbort } from '../../db/connection/cancel-statement.ts';
import { decryptResultsOf } from '../../db/connection/decrypt-results.ts';
import type { Connector, Pool, PoolClient } from '../../db/connection/pool.ts';
import { type ReadBounds, ReadBudget } from '../../db/sql-tools/read-budget.ts';
import type { DecryptContents } from '../../secrets/contents.ts';
import { BUSY, queueUserOf, tenantShares } from '../http/request-queue.ts';
import { TurnQueue } from './turn-queue.ts';

/** The longest wait of a transaction for a connection. */
const WAIT_MS = 10_000;

/**
 * Bounds what a transaction of a request may read. Lists end at their own bounds long before. This
 * bound is for a row with several large values, and for a file of 8 MB, which Postgres sends in
 * hexadecimal digits.
 */
const MAX_READ: ReadBounds = { bytes: 32_000_000 };

/**
 * A result from this size on waits for a turn of the event loop of its own. The request then makes
 * objects and JSON of it, some 10 ms for each MB. Without a turn, the results of thirty requests
 * that arrive together are processed before the event loop answers anybody else.
 */
const LARGE_RESULT_BYTES = 500_000;

/** A pool whose connections are shared fairly among tenants. */
export type Connections = {
  /**
   * Returns the pool as one caller sees it. When `signal` fires, waits of the caller end. The
   * statement under way on each of the caller's connections is cancelled at the server, and the
   * connection is closed. What the caller reads is charged to one budget. Encrypted contents are
   * decrypted, of the runs that the caller may see.
   */
  as(caller: Subject, signal?: AbortSignal, budget?: ReadBudget): Connector;
  /**
   * Returns the pool as one caller sees it, with encrypted contents as they are stored. For reads
   * that serve several callers, who may not all see the same runs.
   */
  withoutDecryption(caller: Subject): Connector;
};

/**
 * Shares the connections of a pool among tenants. One request may ask for many connections, so a
 * limit on requests alone would let one tenant hold all of them. Without `decrypt`, contents stay
 * encrypted.
 */
export function createConnections(pool: Pool, decrypt?: DecryptContents): Connections {
  const queue = new FairQueue({
    ...tenantShares(pool.options.max),
    max_per_key: connectionsOfOneTenant(pool.options.max),
    waiting: { most: Number.POSITIVE_INFINITY, ms: WAIT_MS, refusal: noFreeConnection },
  });
  const turns = new TurnQueue();
  const lendTo = (caller: Subject, loan: Omit<Loan, 'leave' | 'turns'>): Connector => ({
    async connect() {
      const { budget, signal } = loan;
      budget.throwIfSpent();
      const leave = await queue.acquire(caller.tenantId, signal, queueUserOf(caller));
      try {
        return lend(await pool.connect(), { ...loan, leave, turns });
      } catch (error) {
        leave();
        throw error;
      }
    },
  });
  return {
    as: (caller, signal, budget = new ReadBudget(MAX_READ)) =>
      lendTo(caller, { signal, budget, decrypt }),
    withoutDecryption: (caller) => lendTo(caller, { budget: new ReadBudget(MAX_READ) }),
  };
}

/**
 * Returns the number of connections that one tenant may hold, even while no other tenant waits. A
 * running statement keeps a processor busy and is not stopped when another tenant comes.
 */
export function connectionsOfOneTenant(
  connections: number,
  cores = availableParallelism(),
): number {
  return Math.max(2, cores, Math.floor(connections / 2));
}

type Loan = {
  leave(): void;
  signal?: AbortSignal | undefined;
  budget: ReadBudget;
  turns: TurnQueue;
  decrypt?: DecryptContents | undefined;
};

/** Lends a connection, and gives its place back when the connection is released. */
function lend(client: PoolClient, loan: Loan): PoolClient {
  const { leave, signal, budget, turns, decrypt } = loan;
  const release = client.release;
  const unwatch = budget.watch(client);
  const endDecryption = decrypt && decryptOnBudget(client, decrypt, budget);
  const restoreQuery = processInTurns(client, budget, turns);
  let end = (): void => {};
  client.release = (error) => {
    end();
    unwatch();
    restoreQuery();
    endDecryption?.();
    release(error ?? (signal?.aborted || budget.isSpent));
    leave();
  };
  if (signal?.aborted || budget.isSpent) {
    client.release();
    signal?.throwIfAborted();
    budget.throwIfSpent();
  }
  if (signal) end = cancelOnAbort(client, signal);
  return client;
}

/** Decrypts contents in results, until the returned function is called. */
function decryptOnBudget(
  client: PoolClient,
  decrypt: DecryptContents,
  budget: ReadBudget,
): () => void {
  const charge = (bytes: number) => budget.charge(bytes);
  return decryptResultsOf(client, (rows, mayDecrypt) => decrypt(rows, mayDecrypt, charge));
}

/**
 * Makes large results of a connection wait for their turn, until the returned function is called.
 */
function processInTurns(client: PoolClient, budget: ReadBudget, turns: TurnQueue): () => void {
  const query = client.query;
  client.query = ((...args: Parameters<typeof query>) => {
    const before = budget.bytes;
    const result: unknown = query.apply(client, args);
    if (!(result instanceof Promise)) return result; // a cursor, which reads a few rows at once
    return result.then(async (rows) => {
      if (budget.bytes - before >= LARGE_RESULT_BYTES) await turns.next();
      return rows;
    });
  }) as typeof query;
  return () => {
    client.query = query;
  };
}

function noFreeConnection(): HowdahError {
  const message = 'every connection to the database is in use; try again in a moment';
  return new HowdahError(BUSY, message, { hint: 'Send fewer requests at the same time.' });
}
