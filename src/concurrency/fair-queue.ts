import { type Budget, type KeyAccount, KeyAccounts } from './key-accounts.ts';

export type FairQueueOptions = {
  /** The number of places, which limits the entries at work at the same time. */
  places: number;
  /** Most places of one key; undefined for all. */
  max_per_key?: number | undefined;
  /** Most places of one user of a key; undefined for `max_per_key`. */
  max_per_user?: number | undefined;
  /** Most places of one key while other keys wait; undefined for `max_per_key`. */
  max_while_others_wait?: number | undefined;
  /** Places that only keys without a place may take. */
  reserved_for_new_keys?: number | undefined;
  /** A budget for each key; undefined for none. */
  budget?: Budget | undefined;
  /** Limits on waiting; undefined for no limit in number and time. */
  waiting?: { most: number; ms: number; refusal(): Error } | undefined;
  now?: () => number;
};

/** A place in the queue, taken or waited for. */
export type QueuePlace = {
  /**
   * Resolves when the place is taken. Rejects when the wait was too long or was ended by `leave`.
   */
  readonly turn: Promise<void>;
  /** Frees the place or ends the wait. May be called more than once. */
  leave(): void;
};

type Entry = QueuePlace & {
  user: string;
  state: 'waiting' | 'working' | 'gone';
  begin(): void;
  refuse(reason: Error): void;
  /** The charge of the key when this entry started. */
  charged_at_start: number;
  started_at: number;
  timer?: NodeJS.Timeout;
};

/**
 * A fair queue: a bounded number of places, shared among keys such as tenants.
 *
 * Each key is charged for the time it holds places. A free place goes to the waiting key with the
 * lowest charge, and among equals to the one served longest ago. Users of a key take turns
 * (start-time fair queueing). A key that returns after a pause has saved nothing up: its charge
 * starts where the active keys stood.
 *
 * A place is never taken back, so limits protect the other keys. Some places are reserved for keys
 * without one, and a key has fewer places while others wait. A budget (a token bucket) makes a key
 * wait until elapsed time has paid for its use, even while no other key waits.
 *
 * Not built on `Semaphore`, whose callers enter in order of arrival: here the use of each key
 * decides anew which key enters next.
 */
export class FairQueue {
  readonly #options: FairQueueOptions;
  readonly #now: () => number;
  readonly #accounts: KeyAccounts<Entry>;
  #taken = 0;
  #waiting = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: FairQueueOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#accounts = new KeyAccounts(this.#now, options.budget);
  }

  /** The number of taken places. */
  get taken(): number {
    return this.#taken;
  }

  /** The number of waiting entries. */
  get waiting(): number {
    return this.#waiting;
  }

  /** True when a key with no entry here would be rejected. */
  get isFull(): boolean {
    const { places, waiting } = this.#options;
    const isTaken = this.#taken >= places && this.#waiting >= (waiting?.most ?? Infinity);
    return isTaken && ![...this.#accounts.keys.values()].some((state) => state.waiting > 1);
  }

  /** Returns the number of waiting entries of a key. */
  waitingOf(key: string): number {
    return this.#accounts.keys.get(key)?.waiting ?? 0;
  }

  /** Returns whether a key has repaid what it used of its budget. */
  isWithinBudget(key: string): boolean {
    return (this.#accounts.keys.get(key)?.repaid_at ?? 0) <= this.#now();
  }

  /** Charges a key for work outside the queue. */
  charge(key: string, used_ms: number): void {
    const state = this.#accounts.of(key);
    state.charged += used_ms;
    this.#accounts.spend(state, used_ms);
  }

  /** Takes a place or waits for one. Throws the refusal when the queue is full. */
  enter(key: string, user = ''): QueuePlace {
    this.#accounts.chargeAll();
    const state = this.#accounts.of(key);
    const entry = this.#entryOf(key, user);
    const entries = state.users.get(user) ?? new Set();
    state.users.set(user, entries.add(entry));
    state.waiting += 1;
    this.#waiting += 1;
    this.#dispatch();
    const { waiting } = this.#options;
    if (waiting && this.#waiting > waiting.most) {
      this.#newestOfMost(key, state, user)?.leave();
      if (stateOf(entry) === 'gone') throw waiting.refusal();
    }
    if (waiting && stateOf(entry) === 'waiting') entry.timer = setTimeout(entry.leave, waiting.ms);
    return entry;
  }

  /**
   * Resolves with a function that frees the place. Rejects with the reason of the signal when the
   * signal fires first.
   */
  async acquire(key: string, signal?: AbortSignal, user?: string): Promise<QueuePlace['leave']> {
    signal?.throwIfAborted();
    const { turn, leave } = this.enter(key, user);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      await turn;
      signal?.throwIfAborted(); // the signal may have fired since the turn
      return leave;
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /**
   * Runs `work` when the key's turn has come. Rejects with the reason of the signal when the signal
   * fires first.
   */
  async run<T>(
    key: string,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
    user?: string,
  ): Promise<T> {
    const leave = await this.acquire(key, signal, user);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  #entryOf(key: string, user: string): Entry {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // after `leave` nobody may await it
    const entry: Entry = {
      ...{ user, state: 'waiting', charged_at_start: 0, started_at: 0 },
      ...{ turn: promise, begin: resolve, refuse: reject },
      leave: () => this.#leave(key, entry),
    };
    return entry;
  }

  #leave(key: string, entry: Entry): void {
    const before = entry.state;
    if (before === 'gone') return;
    this.#accounts.chargeAll();
    clearTimeout(entry.timer);
    entry.state = 'gone';
    const state = this.#accounts.of(key);
    if (before === 'working') {
      this.#taken -= 1;
      state.working.delete(entry);
      this.#accounts.spend(state, this.#now() - entry.started_at);
      this.#accounts.moveBehind(key, state);
    } else {
      this.#remove(state, entry);
      entry.refuse(this.#options.waiting?.refusal() ?? new Error('left the queue'));
    }
    this.#dispatch();
    this.#accounts.forgetIdle();
  }

  #dispatch(): void {
    clearTimeout(this.#timer);
    for (let key = this.#next(); key !== undefined; key = this.#next()) {
      const state = this.#accounts.of(key);
      const [user, entries] = this.#nextUser(state) as [string, Set<Entry>];
      const [entry] = entries as unknown as [Entry];
      this.#remove(state, entry);
      if (state.users.delete(user)) state.users.set(user, entries); // behind the others
      this.#taken += 1;
      state.working.add(entry);
      this.#accounts.moveBehind(key, state);
      clearTimeout(entry.timer);
      entry.charged_at_start = state.charged;
      entry.started_at = this.#now();
      entry.state = 'working';
      entry.begin();
    }
  }

  /** Returns the key that is served next, or undefined when no waiting key may take a place. */
  #next(): string | undefined {
    const { places, max_per_key = places, max_while_others_wait = max_per_key } = this.#options;
    const free = places - this.#taken;
    if (free <= 0 || this.#waiting === 0) return undefined;
    const now = this.#now();
    const hasUnreserved = free > (this.#options.reserved_for_new_keys ?? 0);
    let repaid_at = Number.POSITIVE_INFINITY;
    const due: [string, KeyAccount<Entry>][] = [];
    for (const [key, state] of this.#accounts.keys) {
      const { size } = state.working;
      if (size >= max_per_key || (size > 0 && !hasUnreserved)) continue;
      if (!this.#nextUser(state)) continue;
      if (state.repaid_at > now) repaid_at = Math.min(repaid_at, state.repaid_at);
      else due.push([key, state]);
    }
    const belowShare = due.filter(([, { working }]) => working.size < max_while_others_wait);
    const next = leastCharged(due.length > 1 && belowShare.length > 0 ? belowShare : due);
    if (next === undefined && Number.isFinite(repaid_at)) {
      this.#timer = setTimeout(() => this.#dispatch(), Math.ceil(repaid_at - now));
    }
    return next;
  }

  /** Returns the first waiting user of a key who may take one more place, with the entries. */
  #nextUser({ users, working }: KeyAccount<Entry>): [string, Set<Entry>] | undefined {
    const { max_per_user = Number.POSITIVE_INFINITY } = this.#options;
    for (const waiting of users) {
      const isOfUser = (entry: Entry) => entry.user === waiting[0];
      if (working.size < max_per_user) return waiting;
      if ([...working].filter(isOfUser).length < max_per_user) return waiting;
    }
    return undefined;
  }

  #remove(state: KeyAccount<Entry>, entry: Entry): void {
    const entries = state.users.get(entry.user);
    if (!entries?.delete(entry)) return;
    if (entries.size === 0) state.users.delete(entry.user);
    state.waiting -= 1;
    this.#waiting -= 1;
  }

  /**
   * Returns the newest entry of the key with the most waiting entries. Among equals it prefers the
   * key and the user of the new entry.
   */
  #newestOfMost(key: string, state: KeyAccount<Entry>, user: string): Entry | undefined {
    const [, { users }] = largestBy(
      this.#accounts.keys,
      [key, state],
      ([, { waiting }]) => waiting,
    );
    const own = users === state.users ? users.get(user) : undefined;
    return [...largestBy(users.values(), own ?? new Set<Entry>(), ({ size }) => size)].at(-1);
  }
}

/** Reads the state again: `leave` and the dispatch change it. */
function stateOf(entry: Entry): Entry['state'] {
  return entry.state;
}

/** Returns the key with the lowest charge, the first among equals. */
function leastCharged(states: readonly [string, KeyAccount<Entry>][]): string | undefined {
  const [first, ...others] = states;
  return first && largestBy(others, first, ([, { charged }]) => -charged)[0];
}

/** Returns the first item of the largest size, or `preferred` if none is larger. */
function largestBy<T>(all: Iterable<T>, preferred: T, sizeOf: (one: T) => number): T {
  let largest = preferred;
  for (const one of all) if (sizeOf(one) > sizeOf(largest)) largest = one;
  return largest;
}
