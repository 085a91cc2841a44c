import pg from 'pg';
import { pino } from 'pino';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { claimAnswers, type DueWatch, returnAnswers } from '../../../src/db/worker/due-answers.ts';
import { writeAnswers } from '../../../src/db/worker/write-answers.ts';
import { BatchRunner } from '../../../workers/batch-jobs/batch-runner.ts';
import { answersJob } from '../../../workers/batch-jobs/write-answers.ts';
import {
  all,
  finish,
  isBlocked,
  makeAgent,
  makeWorker,
  one,
  testClient,
  unique,
} from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();
let worker: string;
let agent: string;
const writers: BatchRunner[] = [];

beforeAll(async () => {
  worker = await makeWorker(db.pool);
  agent = unique('desk');
  await makeAgent(db.pool, { name: agent });
  await db.pool.query('create schema shop');
});
afterEach(async () => {
  await Promise.all(writers.splice(0).map((writer) => writer.stop()));
});

/** Creates a watched table with answered rows. */
async function makeAnswers(count: number): Promise<{ table: string; watch: DueWatch }> {
  const table = `shop.${unique('t').replaceAll('-', '_')}`;
  await db.pool.query(
    `create table ${table} (id bigint primary key generated always as identity (start 9007199254740993),
       body text, reply text)`,
  );
  const watched = await one(
    db.pool,
    `select id, tenant_id from howdah.watch_table($1, $2, input => 'body', into_column => 'reply')`,
    [table, agent],
  );
  const watch = { tenant_id: watched.tenant_id, table_trigger_id: watched.id };
  await db.pool.query(
    `insert into ${table} (body) select 'Row ' || i from generate_series(1, $1::int) as i`,
    [count],
  );
  const runs = await all(
    db.pool,
    'select execution_id as id from howdah.watched_rows where table_trigger_id = $1',
    [watched.id],
  );
  for (const { id } of runs) await finish(db.pool, worker, id);
  return { table, watch };
}

const repliesIn = async (table: string) =>
  (await one(db.pool, `select count(reply)::int as replies from ${table}`)).replies;

const statesOf = ({ table_trigger_id }: DueWatch) =>
  all(
    db.pool,
    `select write_back::text as state, count(*)::int from howdah.watched_rows
     where table_trigger_id = $1 group by 1 order by 1`,
    [table_trigger_id],
  );

function startWriter(sqlToolPool: pg.Pool = db.pool): BatchRunner {
  const options = { pool: db.pool, log: pino({ level: 'silent' }) };
  const job = answersJob({ ...options, sqlToolPool, decryptFor: async (_id, value) => value });
  const writer = new BatchRunner(job, options);
  writers.push(writer);
  writer.start();
  return writer;
}

/** Returns a pool that records the statements of its connections. */
function recordingPool(): { pool: pg.Pool; statements: string[] } {
  const statements: string[] = [];
  const pool = new pg.Pool({ connectionString: db.url, max: 1 });
  pool.on('connect', (client) => {
    const query = client.query.bind(client) as (...args: unknown[]) => unknown;
    Object.assign(client, {
      query: (first: string | { text: string }, ...rest: unknown[]) => {
        statements.push(typeof first === 'string' ? first : first.text);
        return query(first, ...rest);
      },
    });
  });
  return { pool, statements };
}

test('many answers take few transactions, few round trips and no job', async () => {
  const { table, watch } = await makeAnswers(60);
  const { pool, statements } = recordingPool();
  const claimed = await claimAnswers(db.pool, watch, 100);
  expect(claimed).toHaveLength(60);
  const pace = { msPerAnswer: 0.1 };
  const result = await writeAnswers(pool, watch, claimed, { pace });
  await pool.end();
  expect(result).toEqual({ postponed: [], untried: [], isStuck: false });
  expect(await repliesIn(table)).toBe(60);
  expect(statements.filter((text) => text === 'begin')).toHaveLength(1);
  expect(statements.length).toBeLessThanOrEqual(10);
  expect(
    await all(db.pool, `select from graphile_worker.jobs where task_identifier = 'write_back'`),
  ).toEqual([]);
  expect(await all(db.pool, 'select from howdah_private.due_answers')).toEqual([]);
});

/** Counts the statements that update a table. */
async function countUpdates(table: string): Promise<() => Promise<number>> {
  const name = unique('updates').replaceAll('-', '_');
  await db.pool.query(
    `create sequence shop.${name};
     create function shop.tg_${name}() returns trigger language plpgsql security definer as
       $$ begin perform nextval('shop.${name}'); return null; end $$;
     create trigger count_updates after update on ${table}
       for each statement execute function shop.tg_${name}()`,
  );
  return async () =>
    (
      await one(
        db.pool,
        `select case when is_called then last_value else 0 end::int as updates
       from shop.${name}`,
      )
    ).updates;
}

test('answers of one chain of watches are written by one statement', async () => {
  const { table, watch } = await makeAnswers(60);
  const updates = await countUpdates(table);
  await db.pool.query(
    `update howdah.watched_rows as w set watches = w.watches || w.table_trigger_id
     where w.table_trigger_id = $1 and w.execution_id in (
       select l.execution_id from howdah.watched_rows as l
       where l.table_trigger_id = $1 order by l.execution_id desc limit 20)`,
    [watch.table_trigger_id],
  );
  const claimed = await claimAnswers(db.pool, watch, 100);
  await writeAnswers(db.pool, watch, claimed, { pace: { msPerAnswer: 0.1 } });
  expect(await repliesIn(table)).toBe(60);
  expect(await updates()).toBe(2);
});

/** A pace that a slow machine does not change. */
const STEADY = Object.defineProperty({ msPerAnswer: 0.1 }, 'msPerAnswer', {
  get: () => 0.1,
  set: () => {},
});

test('a few rejected answers are found in few statements', async () => {
  const { table, watch } = await makeAnswers(64);
  await db.pool.query(
    `alter table ${table} add check (body not in ('Row 9', 'Row 50') or reply is null)`,
  );
  const { pool, statements } = recordingPool();
  const claimed = await claimAnswers(db.pool, watch, 100);
  await writeAnswers(pool, watch, claimed, { pace: STEADY });
  await pool.end();
  expect(await repliesIn(table)).toBe(62);
  expect(await statesOf(watch)).toEqual([
    { state: 'failed', count: 2 },
    { state: 'written', count: 62 },
  ]);
  const writes = statements.filter((text) => text.includes('write_bound'));
  // 28, and some more if a busy machine interrupts one; one by one, there would be 64 and more
  expect(writes.length).toBeLessThanOrEqual(40);
});

test('an answer that its row rejects holds up no other', async () => {
  const { table, watch } = await makeAnswers(10);
  await db.pool.query(`alter table ${table} add check (body <> 'Row 4' or reply is null)`);
  const claimed = await claimAnswers(db.pool, watch, 100);
  const pace = { msPerAnswer: 0.1 };
  await writeAnswers(db.pool, watch, claimed, { pace });
  expect(await repliesIn(table)).toBe(9);
  expect(await statesOf(watch)).toEqual([
    { state: 'failed', count: 1 },
    { state: 'written', count: 9 },
  ]);
});

test('a locked row is postponed, and the others are written meanwhile', async () => {
  const { table, watch } = await makeAnswers(6);
  const holder = await testClient(db.pool);
  await holder.query(`begin; select from ${table} where body = 'Row 3' for update`);
  const claimed = await claimAnswers(db.pool, watch, 100);
  const errors: unknown[] = [];
  const result = await writeAnswers(db.pool, watch, claimed, {
    pace: { msPerAnswer: 0.1 },
    onPostponed: (error) => errors.push(error),
  });
  expect(errors).toMatchObject([{ code: '55P03' }]);
  expect(result).toMatchObject({ postponed: [{}], isStuck: false });
  await writeAnswers(db.pool, watch, result.untried); // the wait was longer than a turn
  expect(await repliesIn(table)).toBe(5);
  await holder.query('rollback');
});

test('a user who holds one row and waits for another is never ended as a deadlock', async () => {
  const { table, watch } = await makeAnswers(2);
  const user = await testClient(db.pool);
  await user.query(`begin; update ${table} set body = 'mine' where body = 'Row 2'`);
  const pool = new pg.Pool({ connectionString: db.url, max: 1 });
  const writer = await pool.connect();
  writer.release();
  const claimed = await claimAnswers(db.pool, watch, 100);
  const writing = writeAnswers(pool, watch, claimed, { pace: { msPerAnswer: 0.1 } });
  await isBlocked(db.pool, writer);
  await user.query(`update ${table} set body = 'mine too' where body = 'Row 1'`);
  await user.query('commit');
  expect(await writing).toMatchObject({ untried: [] });
  await pool.end();
});

test('a locked table holds up no other watch of its tenant, and its answers wait', async () => {
  const locked = await makeAnswers(5);
  const free = await makeAnswers(5);
  const holder = await testClient(db.pool);
  await holder.query(`begin; lock table ${locked.table}`);
  startWriter();
  await vi.waitFor(async () => expect(await repliesIn(free.table)).toBe(5), 60_000);
  await vi.waitFor(async () => {
    const due = await all(
      db.pool,
      `select from howdah_private.due_answers where table_trigger_id = $1 and due_at <= clock_timestamp()`,
      [locked.watch.table_trigger_id],
    );
    expect(due).toEqual([]);
  }, 60_000);
  expect(await statesOf(locked.watch)).toEqual([{ state: 'waiting', count: 5 }]);
  await holder.query('rollback');
  await db.pool.query('update howdah_private.due_answers set due_at = now()');
  await vi.waitFor(async () => expect(await repliesIn(locked.table)).toBe(5), 60_000);
});

test('watches take turns: the rows of one do not wait for all rows of another', async () => {
  const many = await makeAnswers(250);
  const few = await makeAnswers(3);
  startWriter();
  await vi.waitFor(async () => expect(await repliesIn(few.table)).toBe(3), 60_000);
  await vi.waitFor(async () => expect(await repliesIn(many.table)).toBe(250), 60_000);
});

test('two writers write each answer once', async () => {
  const { table, watch } = await makeAnswers(120);
  await db.pool.query(`
    alter table ${table} add writes int not null default 0;
    create function ${table}_count() returns trigger language plpgsql as
      'begin new.writes := old.writes + 1; return new; end';
    create trigger count before update on ${table} for each row execute function ${table}_count()`);
  startWriter();
  startWriter();
  await vi.waitFor(async () => {
    expect(await statesOf(watch)).toEqual([{ state: 'written', count: 120 }]);
  }, 60_000);
  expect(await all(db.pool, `select distinct writes from ${table}`)).toEqual([{ writes: 1 }]);
});

test('answers that were not tried are due at once, and their attempts do not count', async () => {
  const { table, watch } = await makeAnswers(4);
  const claimed = await claimAnswers(db.pool, watch, 100);
  const over = AbortSignal.abort();
  expect(await writeAnswers(db.pool, watch, claimed, { signal: over })).toMatchObject({
    untried: claimed,
  });
  await returnAnswers(db.pool, watch, { postponed: [], untried: claimed, isStuck: false });
  const due = `select attempts, count(*)::int from howdah_private.due_answers
    where table_trigger_id = $1 and due_at <= clock_timestamp() group by 1`;
  expect(await all(db.pool, due, [watch.table_trigger_id])).toEqual([{ attempts: 0, count: 4 }]);
  startWriter();
  await vi.waitFor(async () => expect(await repliesIn(table)).toBe(4), 60_000);
});
