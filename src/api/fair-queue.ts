import type { Subject } from '../db/identity.ts';

/**
 * A fair queue: a bounded number of places, handed out in turns of tenants.
 *
 * Each tenant is charged for the time its requests spend in their places, as they spend it. A place that becomes free goes to the
 * waiting tenant that was charged least, and within a tenant to its users in turn (start-time fair queueing). A tenant that comes
 * after a pause has saved nothing up: it begins where the others stood when the requests they are at work on began. So a request that
 * ran until its time-out costs its tenant the next turns, also against those who came meanwhile.
 *
 * Three bounds keep one tenant from shutting out the others: while others wait it has at most half of the places; the last places are
 * for tenants that have none; and when too many wait, the newest request of the tenant with most of them is refused.
 */
export type FairQueue = {
  /** Whether a tenant that has nothing here would be refused. */
  readonly isFull: boolean;
  /** Takes a place, or waits for one. Throws `refusal()` when it may not wait. */
  enter(caller: Caller): Place;
};

/** For whom a place is taken. A key that is no user's counts as a user. */
export type Caller = Subject;

/** A place, or a wait for one. */
export type Place = {
  /** Resolves when the place is taken; rejects when it was waited for too long, or left before. */
  readonly turn: Promise<void>;
  /** Makes room for the next one; may be called more than once, and before the turn has come. */
  leave(): void;
};

export type FairQueueOptions = {
  /** Places in all. */
  places: number;
  /** How many may wait. */
  waiting: number;
  /** Milliseconds a request may wait. */
  waitMs: number;
  refusal(): Error;
  /** A clock in milliseconds. */
  now?: () => number;
};

/** A tenant is charged at most so many milliseconds more than the others: it waits, and is never forgotten. */
const MOST_DEBT_MS = 15_000;
/** Beyond so many tenants, those without requests and without debt are forgotten. */
const MANY = 1_000;

type Entry = {
  share: Share;
  user: string;
  state: 'waiting' | 'working' | 'gone';
  turn: PromiseWithResolvers<void>;
  /** What its tenant was charged when it began. */
  startedAt: number;
  timer?: NodeJS.Timeout;
};

/** The part of one tenant. */
type Share = {
  /** By user, in the order of their turns. */
  users: Map<string, Entry[]>;
  waiting: number;
  /** In the order in which they began. */
  working: Set<Entry>;
  /** What it was charged, in milliseconds of one place. */
  charged: number;
  /** Up to when. */
  at: number;
};

export function createFairQueue({
  places,
  waiting: mostWaiting,
  waitMs,
  refusal,
  now = () => performance.now(),
}: FairQueueOptions): FairQueue {
  const shares = new Map<string, Share>();
  const half = Math.max(1, Math.floor(places / 2));
  const reserve = places < 4 ? 0 : Math.max(1, Math.floor(places / 8));
  let working = 0;
  let waiting = 0;
  /** The least that an active tenant was charged when the oldest of its requests at work began; it only grows. */
  let floor = 0;

  const isActive = (share: Share) => share.working.size + share.waiting > 0;
  const charge = () => {
    const time = now();
    let least = Number.POSITIVE_INFINITY;
    for (const share of shares.values()) {
      const passed = time - share.at;
      share.at = time;
      if (isActive(share)) {
        share.charged += share.working.size * passed;
        const [oldest] = share.working;
        least = Math.min(least, oldest ? oldest.startedAt : share.charged);
      } else {
        share.charged = Math.max(floor, share.charged - passed); // an idle tenant works off its debt
      }
    }
    if (least < Number.POSITIVE_INFINITY) floor = Math.max(floor, least);
    for (const share of shares.values()) {
      share.charged = Math.min(share.charged, floor + MOST_DEBT_MS);
    }
  };
  const shareOf = (tenantId: string): Share => {
    const known = shares.get(tenantId);
    if (known) {
      if (!isActive(known)) known.charged = Math.max(known.charged, floor);
      return known;
    }
    const share = {
      users: new Map(),
      waiting: 0,
      working: new Set<Entry>(),
      charged: floor,
      at: now(),
    };
    shares.set(tenantId, share);
    return share;
  };
  const next = (): Share | undefined => {
    const free = places - working;
    const due = [...shares.values()].filter(
      (share) => share.waiting > 0 && (free > reserve || share.working.size === 0),
    );
    const modest = due.length > 1 ? due.filter((share) => share.working.size < half) : due;
    return leastCharged(modest.length > 0 ? modest : due);
  };
  const dispatch = () => {
    while (working < places) {
      const share = next();
      if (!share) return;
      const entry = takeFirst(share);
      waiting -= 1;
      working += 1;
      share.working.add(entry);
      entry.startedAt = share.charged;
      clearTimeout(entry.timer);
      entry.state = 'working';
      entry.turn.resolve();
    }
  };
  const leave = (entry: Entry) => {
    const { state, share } = entry;
    if (state === 'gone') return;
    charge();
    clearTimeout(entry.timer);
    entry.state = 'gone';
    if (state === 'working') {
      working -= 1;
      share.working.delete(entry);
    } else {
      removeFrom(share, entry);
      waiting -= 1;
      entry.turn.reject(refusal());
    }
    dispatch();
    if (shares.size > MANY) forgetIdle();
  };
  const forgetIdle = () => {
    for (const [tenantId, share] of shares) {
      if (!isActive(share) && share.charged <= floor) shares.delete(tenantId);
    }
  };
  /** The newest of whoever has most waiting: in doubt, of whoever came last. */
  const refuseOne = (last: Entry) => {
    const heaviest = most(shares.values(), last.share, ({ waiting: number }) => number);
    const own = heaviest.users.get(last.user);
    const entries = most(
      heaviest.users.values(),
      heaviest === last.share && own ? own : [],
      ({ length }) => length,
    );
    leave(entries.at(-1) as Entry);
  };
  return {
    get isFull() {
      const isTaken = working >= places && waiting >= mostWaiting;
      return isTaken && ![...shares.values()].some((share) => share.waiting > 1);
    },
    enter({ tenantId, userId, apiKeyId }) {
      charge();
      const share = shareOf(tenantId);
      const user = userId ?? apiKeyId ?? '';
      const turn = Promise.withResolvers<void>();
      const entry: Entry = { share, user, turn, state: 'waiting', startedAt: 0 };
      entry.turn.promise.catch(() => {}); // whoever left does not listen any more
      share.users.set(user, [...(share.users.get(user) ?? []), entry]);
      share.waiting += 1;
      waiting += 1;
      dispatch();
      if (waiting > mostWaiting) refuseOne(entry);
      if (stateOf(entry) === 'gone') throw refusal();
      if (stateOf(entry) === 'waiting') entry.timer = setTimeout(leave, waitMs, entry);
      return { turn: entry.turn.promise, leave: () => leave(entry) };
    },
  };
}

/** Read anew: others change it. */
function stateOf(entry: Entry): Entry['state'] {
  return entry.state;
}

function leastCharged(shares: readonly Share[]): Share | undefined {
  return shares.reduce<Share | undefined>(
    (least, share) => (least && least.charged <= share.charged ? least : share),
    undefined,
  );
}

/** The first of the user whose turn it is; he is last in the next round. */
function takeFirst(share: Share): Entry {
  const [[user, entries]] = share.users as unknown as [[string, Entry[]]];
  const [entry, ...rest] = entries as [Entry, ...Entry[]];
  share.users.delete(user);
  if (rest.length > 0) share.users.set(user, rest);
  share.waiting -= 1;
  return entry;
}

function removeFrom(share: Share, entry: Entry): void {
  const rest = (share.users.get(entry.user) ?? []).filter((one) => one !== entry);
  if (rest.length > 0) share.users.set(entry.user, rest);
  else share.users.delete(entry.user);
  share.waiting -= 1;
}

/** The first of those with the largest size, unless `favourite` has it too. */
function most<T>(all: Iterable<T>, favourite: T, sizeOf: (one: T) => number): T {
  let largest = favourite;
  for (const one of all) if (sizeOf(one) > sizeOf(largest)) largest = one;
  return largest;
}
