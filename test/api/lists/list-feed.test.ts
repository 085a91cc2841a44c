import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { transactionOfTenant } from '../../../src/api/events/stream-sources.ts';
import { createRequestQueue } from '../../../src/api/http/request-queue.ts';
import { defaultServerLimits } from '../../../src/api/http/server-limits.ts';
import { createConnections } from '../../../src/api/limits/connections.ts';
import { runConditions, runs } from '../../../src/api/lists/list-filters.ts';
import { openRequests } from '../../../src/api/pools.ts';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { currentCursor } from '../../../src/db/lists/list-changes.ts';
import { formatListCursor, parseListCursor } from '../../../src/db/lists/list-cursor.ts';
import { createListFeed, type ListFeed } from '../../../src/db/lists/list-feed.ts';
import type { ListEvent } from '../../../src/db/lists/list-view.ts';
import { makeAgent, makeRun, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { until } from '../harness.ts';

const RUNS = 700;

const db = testDatabase();
let pool: Pool;
let lists: ListFeed;
let tenantId: string;
let reads = 0;

beforeAll(async () => {
  pool = openRequests({ url: db.url }, 2);
  const transaction = transactionOfTenant({
    connections: createConnections(pool),
    requestQueue: createRequestQueue(defaultServerLimits),
  });
  lists = createListFeed({
    transaction: (tenant, work) => {
      reads += 1;
      return transaction(tenant, work);
    },
    sees: async () => true,
    onShown: () => {},
    isTemporary: () => false,
  });
  tenantId = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
});
afterAll(async () => {
  await pool?.end();
});

async function followAgent(agent_id: string) {
  const after = await currentCursor(db.pool);
  const watching = { tenantId, userId: undefined, role: 'owner' } as const;
  const where = runConditions({ agent_id });
  return lists.follow(runs, { watching, where, after, known: new Map() });
}

/** Takes events until the one that has this id. */
async function takeUntil(events: AsyncIterable<ListEvent>, last: string): Promise<ListEvent[]> {
  const taken: ListEvent[] = [];
  for await (const event of events) {
    taken.push(event);
    if (event.type === 'changed' && event.id === last) return taken;
  }
  return taken;
}

test('a slow subscriber holds up nobody, and gets every run in the end', async () => {
  const agent_id = await makeAgent(db.pool);
  const [slow, quick] = [await followAgent(agent_id), await followAgent(agent_id)];
  await db.pool.query(
    `insert into howdah.executions (agent_id, input) select $1, 'Hi' from generate_series(1, $2)`,
    [agent_id, RUNS],
  );
  const last = await makeRun(db.pool, { agent_id });
  const all = await takeUntil(quick, last);
  expect(all.filter(({ type }) => type === 'changed')).toHaveLength(RUNS + 1);
  await db.pool.query('select howdah.cancel_execution($1)', [last]);
  // Both share their reads, so the slow one has received only what fits its buffer.
  const late: ListEvent[] = [];
  for await (const event of slow) {
    late.push(event);
    if (event.type === 'changed' && event.shown.row.status === 'cancelled') break;
  }
  const ids = late.flatMap((event) => (event.type === 'changed' ? [event.id] : []));
  expect(ids).toHaveLength(RUNS + 1);
  expect(new Set(ids).size).toBe(RUNS + 1);
});

test('a row that returns to an earlier state is sent again, with the version of that state', async () => {
  const agent_id = await makeAgent(db.pool);
  const events = await followAgent(agent_id);
  const id = await makeRun(db.pool, { agent_id });
  const next = async () => {
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new Error('the list has ended');
      if (value.type === 'changed') return value.shown;
    }
  };
  const queued = await next();
  await db.pool.query('select howdah.pause_execution($1)', [id]);
  const paused = await next();
  await db.pool.query('select howdah.resume_execution($1)', [id]);
  const again = await next();
  expect([queued, paused, again].map(({ row }) => row.status)).toEqual([
    ...['queued', 'paused', 'queued'],
  ]);
  expect(paused.version).not.toBe(queued.version);
  expect(again.version).toBe(queued.version);
  await events.return?.();
});

test('a row that is deleted is removed', async () => {
  const agent_id = await makeAgent(db.pool);
  const events = await followAgent(agent_id);
  const id = await makeRun(db.pool, { agent_id });
  await takeUntil(events, id);
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query('set local role howdah_eraser');
    await client.query('delete from howdah.executions where id = $1', [id]);
    await client.query('commit');
  } finally {
    client.release();
  }
  for await (const event of events) {
    if (event.type !== 'removed') continue;
    expect(event.id).toBe(id);
    break;
  }
});

test('the text of a cursor has all of it', async () => {
  const cursor = await currentCursor(db.pool);
  expect(parseListCursor(formatListCursor(cursor))).toEqual(cursor);
  const { id } = await one(db.pool, 'select howdah.uuid_v7() as id');
  const full = {
    ...{ ...cursor, seen: [cursor.horizon, cursor.horizon + 70n] },
    partial: { xid: cursor.horizon + 1_000_000n, id },
  };
  expect(parseListCursor(formatListCursor(full))).toEqual(full);
});

test('a cursor that is no cursor, or has no time, is not read', async () => {
  const text = formatListCursor(await currentCursor(db.pool));
  const parts = text.split('.');
  for (const time of ['_', '-1', 'Z', '']) {
    for (const place of [1, 3]) {
      expect(parseListCursor(parts.with(place, time).join('.')), time).toBeUndefined();
    }
  }
});

test.each([
  ['{"a":"\\u0000"}', 'U+0000'],
  [`{"a":${'['.repeat(100)}${']'.repeat(100)}}`, 'levels'],
  [`{"a":"${'x'.repeat(16_384)}"}`, '16384 characters'],
  ['[]', 'not a JSON object'],
])('a filter by metadata that no list can have is refused', (metadata, reason) => {
  const refusal = { code: 'HWINV', message: expect.stringContaining(reason) };
  expect(() => runConditions({ metadata })).toThrow(expect.objectContaining(refusal));
});

test('a filter that fails ends its own stream only', async () => {
  const agent_id = await makeAgent(db.pool);
  const after = await currentCursor(db.pool);
  const watching = { tenantId, userId: undefined, role: 'owner' } as const;
  const follow = (where: ReturnType<typeof runConditions>) =>
    lists.follow(runs, { watching, where, after, known: new Map() });
  const broken = follow([['t.metadata @> ?::jsonb', '{"a":"\\u0000"}']]);
  const events = follow(runConditions({ agent_id }));
  await expect(broken.next()).rejects.toMatchObject({ code: '22P05' });
  const id = await makeRun(db.pool, { agent_id });
  expect(await takeUntil(events, id)).not.toHaveLength(0);
});

test('a forged cursor hides nothing from others', async () => {
  const agent_id = await makeAgent(db.pool);
  const where = runConditions({ agent_id });
  const watching = { tenantId, userId: undefined, role: 'owner' } as const;
  const now = await currentCursor(db.pool);
  const after = {
    ...{ ...now, since: now.next.at + 1e12, next: { xid: now.next.xid, at: now.next.at + 1e12 } },
    seen: Array.from({ length: 300 }, (_, nth) => now.horizon + BigInt(nth)),
  };
  const forged = lists.follow(runs, { watching, where, after, known: undefined });
  for await (const { type } of forged) if (type === 'synced') break;
  const again = lists.follow(runs, { watching, where, after, known: undefined });
  const events = await followAgent(agent_id);
  const before = reads;
  await until(() => reads > before + 4);
  const id = await makeRun(db.pool, { agent_id });
  expect(await takeUntil(events, id)).not.toHaveLength(0);
  await again.return?.();
});

test('who sees the rows of a subscriber is asked at once', async () => {
  const agent_id = await makeAgent(db.pool);
  const ids = [await makeRun(db.pool, { agent_id }), await makeRun(db.pool, { agent_id })];
  const both = Promise.withResolvers<void>();
  const requestedIds = new Set<string>();
  const feed = createListFeed({
    transaction: transactionOfTenant({
      connections: createConnections(pool),
      requestQueue: createRequestQueue(defaultServerLimits),
    }),
    async sees({ id }) {
      if (requestedIds.add(id).size === ids.length) both.resolve();
      await both.promise;
      return id === ids[0];
    },
    isTemporary: () => false,
    onShown: () => {},
  });
  const watching = { tenantId, userId: undefined, role: 'owner' } as const;
  const known = new Map(ids.map((id) => [id, 'version']));
  const after = await currentCursor(db.pool);
  const time = Date.now.bind(Date);
  const clock = vi.spyOn(Date, 'now');
  try {
    const events = feed.follow(runs, { watching, where: [], after, known });
    await events.next(); // synced
    await nextTurn(); // the read has ended, so that only the next read is late
    clock.mockImplementation(() => time() + 60_000);
    for await (const event of events) {
      if (event.type !== 'removed') continue;
      expect(event.id).toBe(ids[1]);
      break;
    }
  } finally {
    clock.mockRestore();
  }
});
