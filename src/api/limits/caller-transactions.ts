import type { PoolClient } from '../../db/connection/pool.ts';
import type { RequestQueue } from '../http/request-queue.ts';
import type { Identity } from '../login/auth-result.ts';
import { inTransactionAs } from '../login/session-settings.ts';
import type { ReplicaRouter } from '../replica/read-your-writes.ts';
import type { Connections } from './connections.ts';

/** Runs work in one transaction with the rights of a caller, when the turn of the caller comes. */
export type CallerTransaction = <T>(work: (client: PoolClient) => Promise<T>) => Promise<T>;

export type CallerTransactionOptions = {
  connections: Connections;
  requestQueue: RequestQueue;
  /** Present if there is a replica. */
  reads: ReplicaRouter | undefined;
};

/**
 * Creates the transactions of a caller on the primary. What they read and write counts as seen, so
 * that later reads of the caller from a replica show it, too.
 */
export function createCallerTransaction(
  { connections, requestQueue, reads }: CallerTransactionOptions,
  identity: Identity,
  settings: Readonly<Record<string, string>>,
): CallerTransaction {
  return (work) =>
    requestQueue.run(identity, async () => {
      const result = await inTransactionAs(connections.as(identity), settings, work);
      reads?.requireLatest(identity);
      return result;
    });
}
