import { describe, expect, test } from 'vitest';
import { readOptions } from '../../chaos/delivery/options.ts';
import { ReceivedSteps } from '../../chaos/delivery/received-steps.ts';
import { testSubscribers } from '../../chaos/delivery/subscribers.ts';
import { testWebhooks } from '../../chaos/delivery/webhooks.ts';
import { startTestApi } from '../api/harness.ts';
import { createTestDatabase } from '../support/database.ts';

// The soak itself is a thousand clients and takes minutes; here it is played small, and what it counts is checked.

const context = {
  log() {},
  server: { createDatabase: createTestDatabase },
  async startApi(url: string) {
    const api = await startTestApi(url);
    return { url: api.url, stop: () => api.close() };
  },
};

describe('steps that a subscriber received', () => {
  test('are counted as missing, duplicated or lost', () => {
    const received = new ReceivedSteps();
    for (const seq of [1, 2, 2, 5, 4]) received.take(seq, 10, 0, 12);
    expect(received).toMatchObject({ last: 5, missing: 2, doubled: 2 });
    expect(received.lostOf(5)).toBe(2);
    expect(received.lostOf(7)).toBe(4);
  });

  test('yield a latency only if the connection existed before the commit', () => {
    const received = new ReceivedSteps();
    received.take(1, 10, 5, 13);
    received.take(2, 10, 11, 14);
    expect(received.waits).toEqual([3]);
  });
});

test('the command line reports its errors', () => {
  expect(readOptions(['webhooks', '--runs', '7'], 4_000_021)).toMatchObject({
    names: ['webhooks'],
    runs: 7,
    seed: 21,
    clients: 1_000,
  });
  expect(readOptions(['webhooks', 'subscribers', '--seed', '0'], 1)).toMatchObject({
    names: ['subscribers', 'webhooks'],
    seed: 0,
  });
  expect(() => readOptions(['hooks'], 1)).toThrow('there is no soak named hooks');
  expect(() => readOptions(['--clients', 'many'], 1)).toThrow('takes a whole number, not many');
});

test('clients that are disconnected repeatedly receive every step once, over SSE, GraphQL and /ws', async () => {
  const figures = await testSubscribers(
    context,
    { seed: 4711, clients: 18, seconds: 2, runs: 4 },
    250,
  );
  const values = Object.fromEntries(figures.map(({ figure, value }) => [figure, value]));
  expect(values).toMatchObject({
    steps_told: 18 * 4,
    missing: 0,
    doubled: 0,
    broken_connections: 0,
  });
  expect(values.cuts).toBeGreaterThan(9);
  expect(figures.filter(({ holds }) => holds === false)).toEqual([]);
});

test('a receiver that is down for a while gets an event for every run, under one id', async () => {
  const figures = await testWebhooks(context, { seed: 4711, seconds: 1, runs: 6 });
  const values = Object.fromEntries(figures.map(({ figure, value }) => [figure, value]));
  expect(values).toMatchObject({ received: 6, lost: 0, ids_per_event: 1, undelivered_rows: 0 });
  expect(values.failed_attempts).toBeGreaterThanOrEqual(6);
});
