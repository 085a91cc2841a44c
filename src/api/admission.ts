import { HowdahError } from '../contracts/errors.ts';
import type { Bounds } from './bounds.ts';

/** The SQLSTATE of Postgres for the same: too_many_connections. */
export const BUSY = '53300';
/** Seconds after which a refused client may try again. */
export const RETRY_AFTER = '1';

/** A request's place in the queue, or at work. */
export type Place = {
  /** Resolves when it is its turn; rejects with `53300` when it waited too long or has left. */
  readonly turn: Promise<void>;
  /** Makes room for the next one; may be called more than once, and before the turn has come. */
  leave(): void;
};

/** Lets so many requests work at once, so many wait, and refuses the others. */
export type Admission = {
  /** As many wait as may. */
  readonly isFull: boolean;
  /** Takes a place at the end of the queue. Throws `53300` when there is none. */
  enter(): Place;
  /** Works when it is its turn. Throws `53300` as above. */
  run<T>(work: () => Promise<T>): Promise<T>;
};

type Entry = {
  state: 'waiting' | 'working' | 'gone';
  turn: PromiseWithResolvers<void>;
  timer?: NodeJS.Timeout;
};

/** Two requests per connection work: one asks the database while the other is planned or written. */
export function createAdmission({
  connections,
  waiting,
  waitMs,
}: Pick<Bounds, 'connections' | 'waiting' | 'waitMs'>): Admission {
  const queue = new Set<Entry>();
  let working = 0;
  const begin = (entry: Entry) => {
    clearTimeout(entry.timer);
    queue.delete(entry);
    working += 1;
    entry.state = 'working';
    entry.turn.resolve();
  };
  const leave = (entry: Entry) => {
    clearTimeout(entry.timer);
    queue.delete(entry);
    const { state } = entry;
    entry.state = 'gone';
    entry.turn.reject(busy());
    if (state !== 'working') return;
    working -= 1;
    const [next] = queue;
    if (next) begin(next);
  };
  const enter = (): Place => {
    const isFree = working < connections * 2;
    if (!isFree && queue.size >= waiting) throw busy();
    const entry: Entry = { state: 'waiting', turn: Promise.withResolvers<void>() };
    entry.turn.promise.catch(() => {}); // who left listens no more
    if (isFree) {
      begin(entry);
    } else {
      entry.timer = setTimeout(leave, waitMs, entry);
      queue.add(entry);
    }
    return { turn: entry.turn.promise, leave: () => leave(entry) };
  };
  return {
    get isFull() {
      return queue.size >= waiting && working >= connections * 2;
    },
    enter,
    run: (work) => inTurn(enter(), work),
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
