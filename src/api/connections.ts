import { availableParallelism } from 'node:os';
import { FairQueue } from '../concurrency/fair-queue.ts';
import { HowdahError } from '../contracts/errors.ts';
import { cancelOnAbort } from '../db/cancel-statement.ts';
import type { Subject } from '../db/identity.ts';
import type { Connector, Pool, PoolClient } from '../db/pool.ts';
import { BUSY, sharesOf, userOf } from './admission.ts';

/** How long a transaction waits for a connection. */
const WAIT_MS = 10_000;
/** The connections of a pool, handed out in turns of tenants. */
export type Connections = {
  /**
   * The pool as one caller sees it. When `signal` fires he waits for no connection any more, the statement under way on one of his
   * is cancelled at the server, and that connection is closed.
   */
  as(caller: Subject, signal?: AbortSignal): Connector;
};

/** One request may ask for many connections at once, so a bound of requests alone would let one tenant hold all of them. */
export function createConnections(pool: Pool): Connections {
  const queue = new FairQueue({
    ...sharesOf(pool.options.max),
    of_one_key: connectionsOfOneTenant(pool.options.max),
    waiting: { most: Number.POSITIVE_INFINITY, ms: WAIT_MS, refusal: noneFree },
  });
  return {
    as: (caller, signal) => ({
      async connect() {
        const leave = await queue.acquire(caller.tenantId, signal, userOf(caller));
        try {
          return lend(await pool.connect(), leave, signal);
        } catch (error) {
          leave();
          throw error;
        }
      },
    }),
  };
}

/**
 * The connections that one tenant may hold, also while no other waits. Turns count connections, and each connection keeps a
 * processor busy: a statement that runs is not taken back when another tenant comes.
 */
export function connectionsOfOneTenant(
  connections: number,
  cores = availableParallelism(),
): number {
  return Math.max(2, cores, Math.floor(connections / 2));
}

/** The place is left when the connection is given back. */
function lend(client: PoolClient, leave: () => void, signal: AbortSignal | undefined): PoolClient {
  const release = client.release;
  let end = (): void => {};
  client.release = (error) => {
    end();
    release(error ?? signal?.aborted);
    leave();
  };
  if (signal?.aborted) {
    client.release();
    throw signal.reason;
  }
  if (signal) end = cancelOnAbort(client, signal);
  return client;
}

function noneFree(): HowdahError {
  const message = 'every connection to the database is in use; try again in a moment';
  return new HowdahError(BUSY, message, { hint: 'Ask for less at once.' });
}
