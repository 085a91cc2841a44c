import { describe, expect, test } from 'vitest';
import { readOptions } from '../../chaos/delivery/options.ts';
import { ReceivedSteps } from '../../chaos/delivery/received-steps.ts';
import { testSubscribers } from '../../chaos/delivery/subscribers.ts';
import { testWebhooks } from '../../chaos/delivery/webhooks.ts';
import { startTestApi } from '../api/harness.ts';
import { createTestDatabase } from '../support/database.ts';

// `npm run soak` uses a thousand clients for minutes. These tests run it on a small scale, and test
// how it counts.

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
    for (const seq of [1, 2, 2, 5, 4]) received.add(seq, 10, 0, 12);
    expect(received).toMatchObject({ last: 5, missing: 2, doubled: 2 });
    expect(received.countLost(5)).toBe(2);
    expect(received.countLost(7)).toBe(4);
  });

  test('yield a latency only if the connection existed before the commit', () => {
    const received = new ReceivedSteps();
    received.add(1, 10, 5, 13);
    received.add(2, 10, 11, 14);
    expect(received.latencies).toEqual([3]);
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
  expect(() => readOptions(['hooks'], 1)).toThrow(
    'unknown test: hooks; use subscribers or webhooks',
  );
  expect(() => readOptions(['--clients', 'many'], 1)).toThrow(
    'must be an integer of at least 1, not many',
  );
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
