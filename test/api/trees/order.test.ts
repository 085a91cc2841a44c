import { afterAll, beforeAll, expect, test } from 'vitest';
import { lastPosition } from '../../../src/db/feed/tree-rows.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { waitForEnd } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { makeAgentTree } from './agent-tree.ts';

// The order of events of a tree in the database: tree_feed.sql.

const db = testDatabase();
let worker: Worker;
let run: string;

beforeAll(async () => {
  worker = await startTestWorker(db.url);
  const { boss } = await makeAgentTree(db.pool);
  run = (await one(db.pool, `select (howdah.run($1, 'Where?')).id`, [boss])).id;
  await eventually(db.pool, 'the question', `select from howdah.questions where status = 'open'`);
  await db.pool.query(`select howdah.answer_question(id, 'blue') from howdah.questions`);
  await waitForEnd(db.pool, run);
});
afterAll(async () => {
  await worker?.stop(0);
});

type Row = { at: string; execution_id: string; seq: number; is_end: boolean };

const rowsOf = async (client: { query: typeof db.pool.query }): Promise<Row[]> => {
  const { rows } = await client.query(
    `select r.top_seq || '-' || r.position as at, r.execution_id, r.seq, r.step is null as is_end
     from howdah_private.tree_rows_after(array[$1::uuid], array[0], array[-1], null, 1000) as r`,
    [run],
  );
  return rows as Row[];
};
const orderBy = (client: { query: typeof db.pool.query }, most: number) =>
  client.query('select * from howdah_private.order_trees(array[$1::uuid], $2)', [run, most]);

test('an order that grows in small pieces is that of one piece, and no row comes before a read one', async () => {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await orderBy(client as never, 1_000);
    const whole = await rowsOf(client as never);
    await client.query('rollback');
    expect(whole.filter(({ is_end }) => is_end)).toHaveLength(2);
    expect(whole.length).toBe(6 + 8 + 6 + 2);
    let read: Row[] = [];
    for (let pieces = 0; read.length < whole.length; pieces += 1) {
      expect(pieces).toBeLessThan(20);
      await orderBy(client as never, 2);
      const next = await rowsOf(client as never);
      expect(next.slice(0, read.length)).toEqual(read);
      read = next;
    }
    expect(read).toEqual(whole);
  } finally {
    client.release();
  }
});

test('a reader does not wait for another one that extends the order', async () => {
  const other = await db.pool.connect();
  try {
    await other.query('begin');
    await other.query(
      'select from howdah_private.tree_orders where top_execution_id = $1 for update',
      [run],
    );
    expect((await orderBy(db.pool, 10)).rows).toEqual([]);
  } finally {
    await other.query('rollback');
    other.release();
  }
  expect((await orderBy(db.pool, 10)).rows).toHaveLength(1);
});

test('the last position is an error, not 0, while another reader has the order for long', async () => {
  await orderBy(db.pool, 1_000);
  const last = await lastPosition(db.pool, run);
  expect(last).toBeGreaterThan(0);
  await db.pool.query(
    'update howdah_private.tree_orders set top_seq = 0 where top_execution_id = $1',
    [run],
  );
  const other = await db.pool.connect();
  try {
    await other.query('begin');
    await other.query(
      'select from howdah_private.tree_orders where top_execution_id = $1 for update',
      [run],
    );
    await expect(lastPosition(db.pool, run)).rejects.toMatchObject({ code: '53300' });
  } finally {
    await other.query('rollback');
    other.release();
  }
  expect(await lastPosition(db.pool, run)).toBe(last);
});

test('an order is complete until something is committed, and goes with its runs', async () => {
  const { rows } = await db.pool.query(
    'select t.has_children, t.is_behind from howdah.executions as e cross join lateral howdah_private.tree_states(array[e.id::uuid], 10) as t where e.id = $1',
    [run],
  );
  expect(rows).toEqual([{ has_children: true, is_behind: false }]);
  await db.pool.query(
    `select howdah_private.delete_runs(array(
       select e.id::uuid from howdah.executions as e where e.root_execution_id = $1))`,
    [run],
  );
  const { count } = await one(
    db.pool,
    `select (select count(*) from howdah_private.tree_orders) + (select count(*) from howdah_private.tree_entries) as count`,
  );
  expect(Number(count)).toBe(0);
});
