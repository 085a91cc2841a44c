import { afterAll, beforeAll, expect, test } from 'vitest';
import { createFeedHub, type FeedHub } from '../../../src/api/feed/feed-hub.ts';
import { createBackpressure } from '../../../src/api/graphql/subscriptions/backpressure.ts';
import type { FeedRow } from '../../../src/db/feed/tree-rows.ts';
import { all, makeRun } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { count, driveRun, until } from '../harness.ts';

const db = testDatabase();
let hub: FeedHub;

beforeAll(async () => {
  hub = await createFeedHub({ url: db.url, onError: () => {} });
});

afterAll(async () => {
  await hub?.close();
});

async function take(rows: AsyncIterator<FeedRow, undefined>, many: number): Promise<number[]> {
  const taken: number[] = [];
  while (taken.length < many) {
    const { value } = await rows.next();
    if (!value) break;
    taken.push(value.seq);
  }
  return taken;
}

test('a slow and a fast subscriber both receive every row', async () => {
  const id = await makeRun(db.pool);
  const run = await driveRun(db.pool, id);
  await run.steps(2_000, { batch: 200 });
  const slow = hub.steps(id, 0);
  const quick = hub.steps(id, 0);
  expect(await take(quick, 2_000)).toEqual(count(1, 2_000));
  await run.finish();
  expect(await take(slow, 3_000)).toEqual(count(1, 2_001));
  expect(await take(quick, 3_000)).toEqual([2_001]);
  await until(() => hub.subscriptions === 0);
});

test('leaving ends a waiting subscriber, and closing the hub ends all subscribers', async () => {
  const id = await makeRun(db.pool);
  const rows = hub.steps(id, 0);
  const next = rows.next();
  await rows.return?.();
  expect(await next).toEqual({ done: true, value: undefined });

  const other = await createFeedHub({ url: db.url, onError: () => {} });
  const states = other.states(id);
  expect((await states.next()).value?.status).toBe('queued');
  const waiting = states.next();
  await other.close();
  expect((await waiting).done).toBe(true);
  const listeners = await all(
    db.pool,
    `select 1 from pg_stat_activity where application_name = 'howdah-listen' and datname = current_database()`,
  );
  expect(listeners).toHaveLength(1); // the one of the first hub
});

test('back-pressure limits how far the source runs ahead of the sink', async () => {
  let made = 0;
  const endless: AsyncIterableIterator<number> = {
    [Symbol.asyncIterator]: () => endless,
    next: async () => ({ done: false, value: ++made }),
  };
  const pace = createBackpressure(() => undefined);
  const source = pace.source(endless);
  const passed: number[] = [];
  const passing = (async () => {
    for await (const item of source) {
      passed.push(item);
      if (item === 100) return;
    }
  })();
  await until(() => made === 32);
  const sink = pace.sink(
    (async function* () {
      for (const item of count(1, 68)) yield item;
    })() as AsyncIterableIterator<number>,
  );
  for await (const _item of sink);
  await passing;
  expect(passed).toEqual(count(1, 100));
});
