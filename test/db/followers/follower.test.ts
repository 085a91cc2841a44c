import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { FeedQueue } from '../../../src/db/feed/feed-queue.ts';
import { Announcements } from '../../../src/db/followers/announcements.ts';
import { Follower } from '../../../src/db/followers/follower.ts';
import { MAX_ROWS } from '../../../src/db/followers/read-order.ts';
import { rowBytes } from '../../../src/db/followers/row-bytes.ts';
import type { Source, Viewer } from '../../../src/db/followers/source.ts';
import { MAX_BUFFERED, Subscriber } from '../../../src/db/followers/subscriber.ts';

type Row = { key: string; seq: number; run: string };
type State = { count: number; hasEnded: boolean; below: string };

const KEYS = ['a', 'b', 'c'];
/** The runs that each person sees. */
const VISIBLE: Record<string, string[]> = { ann: ['red', 'blue'], bob: ['red'], eve: [] };
const RUNS = ['red', 'blue'];

/** Logs in memory, of which announcements may be lost, and a follower of them. */
class Model {
  readonly logs = new Map<string, Row[]>(KEYS.map((key) => [key, []]));
  readonly ended = new Set<string>();
  readonly registered = new Set<string>();
  readonly announcements = new Announcements({
    watch: async (ids) => {
      for (const id of ids) this.registered.add(id);
      await nextTurn();
    },
    onReleased: (ids) => {
      for (const id of ids) this.registered.delete(id);
    },
  });
  readonly follower: Follower<number, Row, State>;
  failing = 0;
  /** Most rows of one read in all: what READ_BYTES allows. */
  rowsPerRead = Number.POSITIVE_INFINITY;
  #reading = 0;

  constructor() {
    this.follower = new Follower(this.#source(), {
      announcements: this.announcements,
      sees: async ({ userId, id }) => {
        await nextTurn();
        return VISIBLE[userId ?? '']?.includes(id) ?? false;
      },
      isTemporary: () => true,
    });
  }

  append(key: string, many: number): void {
    const log = this.logs.get(key);
    if (!log || this.ended.has(key)) return;
    for (let nth = 0; nth < many; nth += 1) {
      const seq = log.length + 1;
      log.push({ key, seq, run: RUNS[seq % 2] ?? '' });
    }
  }

  /** Announces a key under its own id, or under the id of a run below it. */
  announce(key: string): void {
    const id = [`${key} below`, key].find((one) => this.registered.has(one));
    for (const owner of this.announcements.ownersOf(id ?? '')) owner.request();
  }

  #source(): Source<number, Row, State> {
    return {
      states: async (keys) => {
        if (this.failing > 0) {
          this.failing -= 1;
          throw new Error('the connection is lost');
        }
        const found = keys.flatMap((key): [string, State][] => {
          const count = this.logs.get(key)?.length;
          const state = { count: count ?? 0, hasEnded: this.ended.has(key), below: `${key} below` };
          return count === undefined ? [] : [[key, state]];
        });
        await nextTurn();
        return new Map(found);
      },
      watched: ({ below }) => [below],
      restMs: ({ count }) => (count % 7 === 0 ? 1 : 0),
      read: async (requests, most) => {
        this.#reading += 1;
        expect(this.#reading).toBe(1); // one read at a time
        expect(requests.length * most).toBeLessThanOrEqual(MAX_ROWS);
        await nextTurn();
        let room = this.rowsPerRead;
        const pages = requests.map(({ key, after, state }) => {
          const rows = (this.logs.get(key) ?? []).slice(after, after + Math.min(most, room));
          room -= rows.length;
          const isAll = after + rows.length >= state.count && state.hasEnded;
          const next = rows.length === most || room === 0 ? ('more' as const) : ('wait' as const);
          return { rows, next: isAll ? ('end' as const) : next };
        });
        this.#reading -= 1;
        return pages;
      },
      cursorOf: ({ seq }) => seq,
      placeOf: (seq) => seq,
      runsOf: ({ run }) => [run],
    };
  }
}

/** A consumer that takes as many rows as it is told to. */
class Consumer {
  readonly got: number[] = [];
  readonly events: FeedQueue<number>;
  hasLeft = false;
  isDone = false;
  #wanted = 0;
  #isTaking = false;
  readonly #model: Model;
  readonly #key: string;
  readonly #after: number;
  readonly #user: string;

  constructor(model: Model, key: string, after: number, user: string) {
    this.#model = model;
    this.#key = key;
    this.#after = after;
    this.#user = user;
    const viewer: Viewer = { tenantId: 't', userId: user, role: 'member' };
    this.events = model.follower.followView(key, after, {
      viewer,
      show: ({ seq, run }, isSeen) => (isSeen(run) ? seq : undefined),
    }) as FeedQueue<number>;
  }

  take(many: number): void {
    this.#wanted += many;
    if (!this.#isTaking) void this.#take();
  }

  leave(): void {
    this.hasLeft = true;
    void this.events.return();
  }

  get expected(): number[] {
    const log = this.#model.logs.get(this.#key) ?? [];
    const visible = VISIBLE[this.#user] ?? [];
    return log.flatMap(({ seq, run }) => (seq > this.#after && visible.includes(run) ? seq : []));
  }

  /** True if the consumer has everything, and its end if there is one. */
  get isSatisfied(): boolean {
    if (this.hasLeft) return true;
    const isOver = this.#model.ended.has(this.#key) || !this.#model.logs.has(this.#key);
    return isOver ? this.isDone : this.got.length >= this.expected.length;
  }

  get isGone(): boolean {
    return !this.#model.logs.has(this.#key);
  }

  async #take(): Promise<void> {
    this.#isTaking = true;
    while (this.#wanted > 0 && !this.isDone) {
      this.#wanted -= 1;
      const item = await this.events.next();
      if (item.done) this.isDone = true;
      else this.got.push(item.value);
    }
    this.#isTaking = false;
  }
}

const key = fc.constantFrom(...KEYS);
const event = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      type: fc.constant('append' as const),
      key,
      many: fc.oneof(fc.integer({ min: 1, max: 30 }), fc.constant(700)),
      isLost: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('join' as const),
      key,
      after: fc.oneof(fc.constant(0), fc.nat({ max: 900 })),
      user: fc.constantFrom(...Object.keys(VISIBLE)),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('take' as const),
      nth: fc.nat(),
      many: fc.integer({ min: 1, max: 400 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('leave' as const), nth: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('end' as const), key }) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('delete' as const), key: fc.constant('c') }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('fail' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      type: fc.constant('bound' as const),
      rows: fc.constantFrom(5, 60, Number.POSITIVE_INFINITY),
    }),
  },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('reconnect' as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('turns' as const),
      many: fc.constantFrom(1, 3, 25),
    }),
  },
);
type Event = typeof event extends fc.Arbitrary<infer T> ? T : never;

async function happen(one: Event, model: Model, consumers: Consumer[]): Promise<void> {
  const consumer = 'nth' in one ? consumers[one.nth % consumers.length] : undefined;
  if (one.type === 'append') {
    model.append(one.key, one.many);
    if (!one.isLost) model.announce(one.key);
  } else if (one.type === 'join') {
    consumers.push(new Consumer(model, one.key, one.after, one.user));
  } else if (one.type === 'take') consumer?.take(one.many);
  else if (one.type === 'leave') consumer?.leave();
  else if (one.type === 'end' && model.logs.has(one.key)) {
    model.ended.add(one.key);
    model.announce(one.key);
  } else if (one.type === 'delete') model.logs.delete(one.key);
  else if (one.type === 'fail') model.failing = 1;
  else if (one.type === 'bound') model.rowsPerRead = one.rows;
  else if (one.type === 'reconnect') {
    model.registered.clear();
    model.announcements.forgetRegistrations();
    model.follower.requestAll();
  } else if (one.type === 'turns') {
    for (let turn = 0; turn < one.many; turn += 1) await nextTurn();
  }
  for (const { events, hasLeft } of consumers) {
    expect(events.size).toBeLessThanOrEqual(hasLeft ? 0 : MAX_BUFFERED);
  }
}

/**
 * Lets all consumers take, with the slow poll, until they have everything. Many turns pass while a
 * key rests for a millisecond.
 */
async function settle(model: Model, consumers: readonly Consumer[]): Promise<void> {
  model.failing = 0;
  model.rowsPerRead = Math.max(model.rowsPerRead, 60);
  for (const one of consumers) one.take(Number.POSITIVE_INFINITY);
  for (let turn = 0; turn < 500_000; turn += 1) {
    if (consumers.every(({ isSatisfied }) => isSatisfied)) return;
    if (turn % 50 === 0) model.follower.requestAll();
    await nextTurn();
  }
}

test('each subscriber gets each row that it may see once, in order, whatever happens', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 10, maxLength: 40 }), async (events) => {
      const model = new Model();
      const consumers: Consumer[] = [];
      for (const one of events) await happen(one, model, consumers);
      await settle(model, consumers);
      for (const { got, expected, hasLeft, isGone } of consumers) {
        if (isGone) expect(got).toEqual(got.toSorted((a, b) => a - b));
        else expect(got).toEqual(hasLeft ? expected.slice(0, got.length) : expected);
      }
      await model.follower.close();
      expect(model.follower.subscriptions).toBe(0);
      expect(model.registered).toEqual(new Set());
    }),
    { numRuns: 100 },
  );
});

test('ids are registered before anything is read, and the read is repeated for new ones', async () => {
  const model = new Model();
  model.append('a', 3);
  const one = new Consumer(model, 'a', 0, 'ann');
  expect([...model.registered]).toEqual([]);
  one.take(3);
  await settle(model, [one]);
  expect([...model.registered]).toEqual(['a', 'a below']);
  model.append('a', 1);
  model.announce('a'); // by the run below, which the first read has found
  one.take(1);
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
  expect(one.got).toEqual([1, 2, 3, 4]);
  await model.follower.close();
});

test('reads that large rows end come to all subscribers in turn', async () => {
  const model = new Model();
  model.rowsPerRead = 2;
  for (const key of KEYS) model.append(key, 40);
  const consumers = KEYS.map((key) => new Consumer(model, key, 0, 'ann'));
  for (const one of consumers) one.take(40);
  for (let turn = 0; consumers.some(({ got }) => got.length < 10) && turn < 500; turn += 1) {
    await nextTurn();
  }
  // nobody has all rows before the others have some
  for (const { got } of consumers) expect(got.length).toBeLessThan(20);
  await settle(model, consumers);
  for (const { got, expected } of consumers) expect(got).toEqual(expected);
  await model.follower.close();
});

test('a subscriber that left while rows were checked gets none of them', async () => {
  const model = new Model();
  model.append('a', 20);
  const [stays, leaves] = ['ann', 'ann'].map((user) => new Consumer(model, 'a', 0, user));
  stays?.take(20);
  leaves?.leave();
  await settle(model, [stays as Consumer]);
  expect(stays?.got).toHaveLength(20);
  expect(leaves?.events.size).toBe(0);
  await model.follower.close();
});

test('rows are buffered up to a bound, and requested again at half of it', async () => {
  let roomCalls = 0;
  const subscriber = new Subscriber<number, number, number>(
    {
      ...{ after: 0, view: { show: (seq: number) => seq }, cursorOf: (seq: number) => seq },
      onRoom: () => roomCalls++,
      onClose() {},
    },
    0,
  );
  const rows = Array.from({ length: 2_000 }, (_, index) => index + 1);
  subscriber.take({ rows, next: 'more' }, () => true);
  expect([subscriber.cursor, subscriber.hasRoom]).toEqual([500, false]);
  for (let taken = 1; taken <= 250; taken += 1) {
    expect((await subscriber.events.next()).value).toBe(taken);
  }
  expect([roomCalls, subscriber.hasRoom, subscriber.isBehind]).toEqual([1, true, true]);
});

test('large events fill the buffer of a subscriber by their bytes', () => {
  const view = { show: (seq: number) => seq, bytesOf: () => 1_000_000 };
  const options = { after: 0, view, cursorOf: (seq: number) => seq, onRoom() {}, onClose() {} };
  const subscriber = new Subscriber<number, number, number>(options, 0);
  subscriber.take({ rows: [1, 2, 3, 4, 5, 6], next: 'wait' }, () => true);
  expect([subscriber.cursor, subscriber.events.size]).toEqual([4, 4]);
});

test('large rows of a source stay in the database until there is room', async () => {
  const rows = Array.from({ length: 20 }, (_, index) => ({
    seq: index + 1,
    output: { parts: [{ text: 'x'.repeat(999_000) }] },
  }));
  let reads = 0;
  const follower = new Follower<number, (typeof rows)[number], object>(
    {
      states: async (keys) => new Map(keys.map((key) => [key, {}])),
      read: async (requests, most) => {
        reads += 1;
        return requests.map(({ after }) => ({
          rows: rows.slice(after, after + most),
          next: 'wait' as const,
        }));
      },
      cursorOf: ({ seq }) => seq,
      placeOf: (seq) => seq,
      bytesOf: rowBytes,
    },
    { isTemporary: () => true },
  );
  const events = follower.follow('a', 0) as FeedQueue<(typeof rows)[number]>;
  for (let turn = 0; turn < 20; turn += 1) await nextTurn();
  expect([events.size, reads]).toEqual([5, 1]);
  for (let seq = 1; seq <= rows.length; seq += 1) {
    expect((await events.next()).value?.seq).toBe(seq);
    expect(events.size).toBeLessThanOrEqual(7);
  }
  await follower.close();
});
