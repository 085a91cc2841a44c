import { HowdahError } from '../contracts/errors.ts';
import type { Bounds } from './bounds.ts';
import { type Caller, createFairQueue, type FairQueue, type Place } from './fair-queue.ts';

/** The SQLSTATE of Postgres for the same: too_many_connections. */
export const BUSY = '53300';
/** Seconds after which a refused client may try again. */
export const RETRY_AFTER = '1';

/** Lets a bounded number of requests work at once and a bounded number wait, in turns of tenants; refuses others with `53300`. */
export type Admission = FairQueue & {
  /** Works when it is the caller's turn. */
  run<T>(caller: Caller, work: () => Promise<T>): Promise<T>;
};

/** Two requests per connection work: one asks the database while the other is planned or written. */
export function createAdmission({
  connections,
  waiting,
  waitMs,
}: Pick<Bounds, 'connections' | 'waiting' | 'waitMs'>): Admission {
  const queue = createFairQueue({ places: connections * 2, waiting, waitMs, refusal: busy });
  return {
    get isFull() {
      return queue.isFull;
    },
    enter: queue.enter,
    run: (caller, work) => inTurn(queue.enter(caller), work),
  };
}

async function inTurn<T>(place: Place, work: () => Promise<T>): Promise<T> {
  try {
    await place.turn;
    return await work();
  } finally {
    place.leave();
  }
}

function busy(): HowdahError {
  return new HowdahError(BUSY, 'the server has too many requests at once; try again in a moment', {
    hint: 'Ask for less at once, or start more API processes.',
  });
}
