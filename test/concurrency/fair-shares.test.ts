import { beforeEach, expect, test } from 'vitest';
import { tenantShares } from '../../src/api/http/request-queue.ts';
import { connectionsOfOneTenant } from '../../src/api/limits/connections.ts';
import { FairQueue, type QueuePlace } from '../../src/concurrency/fair-queue.ts';

let time: number;
let order: string[];
let queue: FairQueue;

beforeEach(() => {
  time = 0;
  order = [];
});

function open(places: number, waiting = 100): void {
  const bound = { most: waiting, ms: 600_000, refusal: () => new Error('refused') };
  queue = new FairQueue({ ...tenantShares(places), waiting: bound, now: () => time });
}

/**
 * Enters the queue as a user of a tenant (`acme`, or `acme/ada`), and records whether the place is
 * granted or lost.
 */
function enter(name: string, label = name): QueuePlace {
  const [tenant = '', user] = name.split('/');
  const place = queue.enter(tenant, user);
  place.turn.then(
    () => order.push(label),
    () => order.push(`${label} refused`),
  );
  return place;
}
const enterAll = (name: string, number: number) =>
  Array.from({ length: number }, (_, index) => enter(name, `${name} ${index}`));

/** Waits until promises have settled. */
const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Advances the clock, leaves the places in order, and returns the entries that started. */
async function leave(places: readonly QueuePlace[], ms = 0): Promise<string[]> {
  await nextTurn();
  order = [];
  time += ms;
  for (const place of places) place.leave();
  await nextTurn();
  return order;
}

test('tenants take turns, however many requests each tenant has', async () => {
  open(2);
  const first = enterAll('acme', 2);
  const many = enterAll('acme', 6).map((place, index) => ({ place, index }));
  const blue = enter('blue');
  const coral = enter('coral');
  expect(await leave([first[0] as QueuePlace], 10)).toEqual(['blue']);
  expect(await leave([first[1] as QueuePlace], 10)).toEqual(['coral']);
  expect(await leave([blue], 10)).toEqual(['acme 0']);
  expect(await leave([coral, many[0]?.place as QueuePlace], 10)).toEqual(['acme 1', 'acme 2']);
});

test('a lone tenant gets no more places than the limit per tenant', async () => {
  queue = new FairQueue({ places: 10, max_per_key: 5, now: () => time });
  const acme = enterAll('acme', 8);
  await nextTurn();
  expect(order).toHaveLength(5);
  enterAll('blue', 4);
  await nextTurn();
  expect(order.slice(5)).toEqual(['blue 0', 'blue 1', 'blue 2', 'blue 3']);
  expect(await leave([acme[0] as QueuePlace])).toEqual(['acme 5']);
});

test.each([
  [10, 2, 5],
  [10, 8, 8],
  [3, 1, 2],
])('%i connections and %i cores give one tenant %i connections', (connections, cores, expected) => {
  expect(connectionsOfOneTenant(connections, cores)).toBe(expected);
});

test('a tenant has half of the places while another waits, and more while none waits', async () => {
  open(10);
  const acme = enterAll('acme', 20);
  await nextTurn();
  expect(order).toHaveLength(9); // the last slot is reserved for a tenant without one
  const blue = enterAll('blue', 20);
  await nextTurn();
  expect(order.at(-1)).toBe('blue 0');
  expect(order).toHaveLength(10);
  await leave(acme.slice(0, 9), 10);
  const of = (tenant: string) => order.filter((one) => one.startsWith(tenant)).length;
  expect([of('blue'), of('acme')]).toEqual([4, 4]);
  await leave(blue.slice(5)); // ends their wait
  await leave(blue.slice(0, 5));
  expect([of('blue'), of('acme')]).toEqual([0, 5]);
});

test('slow requests cost a tenant its next turns, also against tenants that arrived meanwhile', async () => {
  open(8);
  const slow = enterAll('acme', 7);
  enterAll('acme', 7);
  time = 4_000;
  const blue = enter('blue');
  enterAll('blue', 7);
  enterAll('coral', 7);
  await leave([...slow, blue], 1_000);
  const of = (tenant: string) => order.filter((one) => one.startsWith(tenant)).length;
  expect(of('blue') + of('coral')).toBeGreaterThan(5);
  expect(of('acme')).toBeLessThan(2); // the slot is reserved for a tenant without one
});

test('an absent tenant saves up no turns', async () => {
  open(1);
  const away = enter('blue');
  await leave([away]);
  let place = enter('acme');
  for (let round = 0; round < 10; round += 1) {
    const next = enter('acme');
    await leave([place], 1_000);
    place = next;
  }
  const waiting = new Map<string, QueuePlace>();
  for (const name of ['acme', 'blue']) {
    enterAll(name, 3).forEach((one, index) => {
      waiting.set(`${name} ${index}`, one);
    });
  }
  const served: string[] = [];
  while (served.length < 6) {
    served.push(...(await leave([place], 1_000)));
    place = waiting.get(served.at(-1) ?? '') as QueuePlace;
  }
  // it started where the working request started, with no advantage over the other
  expect(served).toEqual(['blue 0', 'acme 0', 'blue 1', 'acme 1', 'blue 2', 'acme 2']);
});

test('a tenant in debt waits for its time and is not lost', async () => {
  open(1);
  const long = enter('acme');
  await leave([long], 3_600_000);
  let at = enter('blue');
  enter('acme', 'acme again');
  const served: string[] = [];
  while (!served.includes('acme again')) {
    const next = enter('blue');
    served.push(...(await leave([at], 1_000)));
    at = next;
  }
  expect(served.length).toBeLessThan(20);
});

test('users of a tenant take turns', async () => {
  open(1);
  let place = enter('acme/ada', 'ada');
  const waiting = [
    ...enterAll('acme/ada', 3),
    ...enterAll('acme/bea', 2),
    ...enterAll('acme/cleo', 1),
  ];
  const served: string[] = [];
  for (const _ of waiting) {
    served.push(...(await leave([place])));
    const index = [
      'acme/ada 0',
      'acme/ada 1',
      'acme/ada 2',
      'acme/bea 0',
      'acme/bea 1',
      'acme/cleo 0',
    ];
    place = waiting[index.indexOf(served.at(-1) ?? '')] as QueuePlace;
  }
  expect(served).toEqual([
    'acme/ada 0',
    'acme/bea 0',
    'acme/cleo 0',
    'acme/ada 1',
    'acme/bea 1',
    'acme/ada 2',
  ]);
});

test('when too many requests wait, the newest one of the tenant with most is rejected', async () => {
  open(1, 4);
  enter('acme');
  enterAll('acme', 4);
  expect(() => queue.enter('acme')).toThrow('refused');
  await nextTurn();
  order = [];
  const blue = enter('blue');
  await nextTurn();
  expect(order).toEqual(['acme 3 refused']);
  enter('blue', 'blue 2');
  await nextTurn();
  expect(order).toEqual(['acme 3 refused', 'acme 2 refused']);
  // two of each wait, so that the next entry is rejected itself
  expect(() => queue.enter('blue')).toThrow('refused');
  expect(queue.isFull).toBe(false);
  blue.leave();
});

test('the queue is full for a new tenant only when all waiting requests are of different tenants', () => {
  open(1, 2);
  enter('acme');
  enter('acme');
  enter('acme');
  expect(queue.isFull).toBe(false);
  enter('blue');
  expect(queue.isFull).toBe(true);
  expect(() => queue.enter('coral')).toThrow('refused');
});
