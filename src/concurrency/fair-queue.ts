import { type Budget, type KeyAccount, KeyAccounts } from './key-accounts.ts';

export type FairQueueOptions = {
  /** How many may work at the same time. */
  places: number;
  /** The most places of one key; undefined for all. */
  of_one_key?: number | undefined;
  /** The most places of one key while other keys wait; undefined for `of_one_key`. */
  while_others_wait?: number | undefined;
  /** How many of the places only keys that have none may take. */
  for_new_keys?: number | undefined;
  /** Undefined: a key is never passed over for what it used. */
  budget?: Budget | undefined;
  /** Undefined: as many wait as come, for as long as it takes. */
  waiting?: { most: number; ms: number; refusal(): Error } | undefined;
  now?: () => number;
};

/** A place, or a wait for one. */
export type Place = {
  /** Resolves when the place is taken; rejects when it was waited for too long, or left before. */
  readonly turn: Promise<void>;
  /** Makes room for the next one; may be called more than once, and before the turn has come. */
  leave(): void;
};

type Entry = Place & {
  user: string;
  state: 'waiting' | 'working' | 'gone';
  begin(): void;
  refuse(reason: Error): void;
  /** What its key was charged when it began. */
  started_at: number;
  begun_at: number;
  timer?: NodeJS.Timeout;
};

/**
 * A fair queue: a bounded number of places, handed out in turns of keys, such as tenants.
 *
 * Each key is charged for the time its work spends in the places. A place that becomes free goes to the waiting key that was
 * charged least, then to the one whose turn was longest ago, and within a key to its users in turn (start-time fair queueing).
 * A key that comes after a pause has saved nothing up: it begins where the others stood when the work under way began.
 *
 * Places cannot be taken back, so bounds protect the others: places for keys that have none, fewer places of one key while
 * others wait, and a budget (a token bucket) that passes a key over until the time that goes by has paid for what it used, also
 * while nobody else waits.
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

  /** How many places are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Whether a key that has nothing here would be refused. */
  get isFull(): boolean {
    const { places, waiting } = this.#options;
    const isTaken = this.#taken >= places && this.#waiting >= (waiting?.most ?? Infinity);
    return isTaken && ![...this.#accounts.keys.values()].some((state) => state.waiting > 1);
  }

  /** How many callers of a key wait. */
  waitingOf(key: string): number {
    return this.#accounts.keys.get(key)?.waiting ?? 0;
  }

  /** Whether a key has repaid what it used of its budget. */
  isWithinBudget(key: string): boolean {
    return (this.#accounts.keys.get(key)?.repaid_at ?? 0) <= this.#now();
  }

  /** Counts what a key used beside its turns. */
  charge(key: string, used_ms: number): void {
    const state = this.#accounts.of(key);
    state.charged += used_ms;
    this.#accounts.spend(state, used_ms);
  }

  /** Takes a place, or waits for one. Throws the refusal when it may not wait. */
  enter(key: string, user = ''): Place {
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

  /** Resolves with what gives the place back. Rejects with the reason of the signal when that fires before. */
  async acquire(key: string, signal?: AbortSignal, user?: string): Promise<Place['leave']> {
    signal?.throwIfAborted();
    const { turn, leave } = this.enter(key, user);
    signal?.addEventListener('abort', leave, { once: true });
    try {
      await turn;
      signal?.throwIfAborted(); // it was left between the turn and here
      return leave;
    } catch (error) {
      throw signal?.aborted ? signal.reason : error;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** Works when it is the key's turn. Rejects with the reason of the signal when that fires before. */
  async run<T>(key: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const leave = await this.acquire(key, signal);
    try {
      return await work();
    } finally {
      leave();
    }
  }

  #entryOf(key: string, user: string): Entry {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    promise.catch(() => {}); // who left listens no more
    const entry: Entry = {
      ...{ user, state: 'waiting', started_at: 0, begun_at: 0 },
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
      this.#accounts.spend(state, this.#now() - entry.begun_at);
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
      const [[user, entries]] = state.users as unknown as [[string, Set<Entry>]];
      const [entry] = entries as unknown as [Entry];
      this.#remove(state, entry);
      if (state.users.delete(user)) state.users.set(user, entries); // behind the others
      this.#taken += 1;
      state.working.add(entry);
      this.#accounts.moveBehind(key, state);
      clearTimeout(entry.timer);
      entry.started_at = state.charged;
      entry.begun_at = this.#now();
      entry.state = 'working';
      entry.begin();
    }
  }

  /** The key that has the next turn; none when no place is free for any that waits. */
  #next(): string | undefined {
    const { places, of_one_key = places, while_others_wait = of_one_key } = this.#options;
    const free = places - this.#taken;
    if (free <= 0 || this.#waiting === 0) return undefined;
    const now = this.#now();
    const isForAll = free > (this.#options.for_new_keys ?? 0);
    let repaid_at = Number.POSITIVE_INFINITY;
    const due: [string, KeyAccount<Entry>][] = [];
    for (const [key, state] of this.#accounts.keys) {
      const { size } = state.working;
      if (state.waiting === 0 || size >= of_one_key || (size > 0 && !isForAll)) continue;
      if (state.repaid_at > now) repaid_at = Math.min(repaid_at, state.repaid_at);
      else due.push([key, state]);
    }
    const modest = due.filter(([, { working }]) => working.size < while_others_wait);
    const next = leastCharged(due.length > 1 && modest.length > 0 ? modest : due);
    if (next === undefined && Number.isFinite(repaid_at)) {
      this.#timer = setTimeout(() => this.#dispatch(), Math.ceil(repaid_at - now));
    }
    return next;
  }

  #remove(state: KeyAccount<Entry>, entry: Entry): void {
    const entries = state.users.get(entry.user);
    if (!entries?.delete(entry)) return;
    if (entries.size === 0) state.users.delete(entry.user);
    state.waiting -= 1;
    this.#waiting -= 1;
  }

  /** The newest of the key with most waiting; in doubt, of whoever came last. */
  #newestOfMost(key: string, state: KeyAccount<Entry>, user: string): Entry | undefined {
    const [, { users }] = most(this.#accounts.keys, [key, state], ([, { waiting }]) => waiting);
    const own = users === state.users ? users.get(user) : undefined;
    return [...most(users.values(), own ?? new Set<Entry>(), ({ size }) => size)].at(-1);
  }
}

/** Reads the state anew: others change it. */
function stateOf(entry: Entry): Entry['state'] {
  return entry.state;
}

/** The first of those that were charged least. */
function leastCharged(states: readonly [string, KeyAccount<Entry>][]): string | undefined {
  const [first, ...others] = states;
  return first && most(others, first, ([, { charged }]) => -charged)[0];
}

/** The first of those with the largest size, unless `favourite` has it too. */
function most<T>(all: Iterable<T>, favourite: T, sizeOf: (one: T) => number): T {
  let largest = favourite;
  for (const one of all) if (sizeOf(one) > sizeOf(largest)) largest = one;
  return largest;
}
