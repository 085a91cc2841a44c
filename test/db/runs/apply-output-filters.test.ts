import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createPool, type Pool } from '../../../src/db/connection/pool.ts';
import { applyOutputFilters } from '../../../src/db/runs/apply-output-filters.ts';
import { all, makeAgent, makeRun, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();
const NAME = 'howdah-filters-of-test';
const BLOCKED = { value: null, hits: [{ filter: 'time_limit', action: 'block' }], place: 'output' };
let pool: Pool;
let run: string;

beforeAll(async () => {
  pool = createPool({
    ...{ url: db.url, applicationName: NAME, role: 'howdah_worker' },
    answerWithinMs: 3_500,
  });
  run = await makeRun(db.pool, { agent_id: await makeAgent(db.pool) });
});
afterEach(() => db.pool.query('delete from howdah.output_filters'));
afterAll(() => pool.end());

const filter = (pattern: string) =>
  db.pool.query(`insert into howdah.output_filters (name, pattern) values ('key', $1)`, [pattern]);

const atWork = () =>
  all(
    db.pool,
    `select pid from pg_stat_activity
     where application_name = $1 and datname = current_database() and state = 'active'`,
    [NAME],
  );

/** Replaces the function that filters, until the returned function is called. */
async function replaceFilter(body: string): Promise<() => Promise<unknown>> {
  const signature = 'howdah_private.filter_value(uuid, howdah.filter_place, jsonb)';
  const { text } = await one(
    db.pool,
    `select pg_get_functiondef('${signature}'::regprocedure) as text`,
  );
  const head = text.slice(0, text.indexOf('AS $')).replace('LANGUAGE sql', 'LANGUAGE plpgsql');
  await db.pool.query(`${head} as $$${body}$$`);
  return () => db.pool.query(text);
}

test('a text of marks is filtered like any other text', async () => {
  await filter('AKIA[0-9]{4}');
  const marks = `e${'\u0301\u0316'.repeat(200_000)}`;
  expect(await applyOutputFilters(pool, run, 'output', { marks })).toEqual({
    ...{ value: { marks }, hits: [], place: 'output' },
  });
  const { value } = await applyOutputFilters(pool, run, 'output', `${marks}ＡＫＩＡ1234`);
  expect(value).toContain('[key withheld]');
});

test('a text that takes too long is blocked, and its statement is cancelled', async () => {
  await filter('a[^z]*z|b'); // searches for an end at each of the letters
  const text = `${'a'.repeat(400_000)}b`;
  expect(await applyOutputFilters(pool, run, 'output', text)).toEqual(BLOCKED);
  expect(await atWork()).toEqual([]);
});

test('a text whose statement cannot be cancelled is blocked, and not sent again', async () => {
  const restore = await replaceFilter(`begin
    loop
      begin
        perform pg_sleep(600);
      exception when query_canceled then null;
      end;
    end loop;
  end`);
  try {
    expect(await applyOutputFilters(pool, run, 'output', 'hello')).toEqual(BLOCKED);
    const working = await atWork();
    expect(working).toHaveLength(1);
    await db.pool.query('select pg_terminate_backend($1, 10000)', [working[0]?.pid]);
  } finally {
    await restore();
  }
});

test('a text that the server lost is not blocked', async () => {
  const restore = await replaceFilter(`begin
    perform pg_terminate_backend(pg_backend_pid());
  end`);
  try {
    await expect(applyOutputFilters(pool, run, 'output', 'hello')).rejects.toThrow();
  } finally {
    await restore();
  }
});
