import { FairQueue, type FairQueueOptions, type QueuePlace } from '../../concurrency/fair-queue.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { Subject } from '../../db/access/subjects.ts';
import type { ServerLimits } from './server-limits.ts';

/** The code of a request beyond the limits: the SQLSTATE too_many_connections of Postgres. */
export const BUSY = '53300';
/** Seconds after which a refused client may try again. */
export const RETRY_AFTER = '1';

/**
 * A bounded queue of requests that is fair among tenants. Some requests run, some wait, and all
 * others are refused with `53300`. Built on `FairQueue`, because a `Semaphore` knows no tenants.
 */
export type RequestQueue = {
  /** True when a tenant with no request here would be refused. */
  readonly isFull: boolean;
  /** Takes a place or waits for one. Throws when the queue is full. */
  enter(caller: Subject): QueuePlace;
  /** Runs `work` when the caller's turn has come. */
  run<T>(caller: Subject, work: () => Promise<T>): Promise<T>;
};

/**
 * Creates the queue. Two requests per connection run at the same time: one queries the database
 * while the other is planned or written.
 */
export function createRequestQueue({
  connections,
  waiting,
  waitMs,
}: Pick<ServerLimits, 'connections' | 'waiting' | 'waitMs'>): RequestQueue {
  const bound = { most: waiting, ms: waitMs, refusal: busy };
  const queue = new FairQueue({ ...tenantShares(connections * 2), waiting: bound });
  const enter = (caller: Subject) => queue.enter(caller.tenantId, queueUserOf(caller));
  return {
    get isFull() {
      return queue.isFull;
    },
    enter,
    run: (caller, work) => runInTurn(enter(caller), work),
  };
}

/**
 * Divides places among tenants. While others wait, a tenant has at most half of the places. The
 * last places are reserved for tenants without one.
 */
export function tenantShares(places: number): FairQueueOptions {
  return {
    places,
    max_while_others_wait: Math.max(1, Math.floor(places / 2)),
    reserved_for_new_keys: places < 4 ? 0 : Math.max(1, Math.floor(places / 8)),
  };
}

/**
 * Returns the key by which users of a tenant take turns. An API key without a user counts as a
 * user.
 */
export function queueUserOf({ userId, apiKeyId }: Subject): string {
  return userId ?? apiKeyId ?? '';
}

async function runInTurn<T>(place: QueuePlace, work: () => Promise<T>): Promise<T> {
  try {
    await place.turn;
    return await work();
  } finally {
    place.leave();
  }
}

function busy(): HowdahError {
  return new HowdahError(BUSY, 'the server has too many requests at once; try again in a moment', {
    hint: 'Send fewer requests at the same time, or start more API processes.',
  });
}
