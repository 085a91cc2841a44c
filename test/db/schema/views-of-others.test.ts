import { beforeEach, expect, test } from 'vitest';
import { migrateDown, migrateUp } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { testDatabase } from '../../support/database.ts';

// Users may create views over our views. An upgrade keeps such views, or reports which of them
// block it.

const db = testDatabase();

beforeEach(() =>
  db.pool.query('drop view if exists public.costs; drop materialized view if exists public.days'),
);

const REPORTS = `
  create view public.costs as select day, cost from howdah.daily_usage;
  create materialized view public.days as select day from howdah.daily_usage`;

const upgrade = async () => {
  await db.pool.query(`update howdah_private.applied_sql set digest = 'older'`);
  await migrateUp(db.url, migrateQueue);
};

/** Replaces one of our views by a version as an older release may have had it. */
const olderView = (columns: string) =>
  db.pool.query(
    `drop view howdah.daily_usage;
     set role howdah_owner;
     create view howdah.daily_usage with (security_invoker = true) as select ${columns} from howdah.executions as e;
     reset role;
     ${REPORTS}`,
  );

const columnsOfOurs = async () =>
  (await db.pool.query('select * from howdah.daily_usage limit 0')).fields.map(({ name }) => name);

test('views of users stay when ours are reapplied or get more columns', async () => {
  const columns = await columnsOfOurs();
  await db.pool.query(REPORTS);
  await upgrade();
  await db.pool.query('drop view public.costs; drop materialized view public.days');
  const { rows } = await db.pool.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute
     where attrelid = 'howdah.daily_usage'::regclass and attnum > 0 order by attnum limit 14`,
  );
  await olderView(rows.map(({ name, type }) => `null::${type} as ${name}`).join(', '));
  await upgrade();
  expect(await columnsOfOurs()).toEqual(columns);
  await db.pool.query('select * from public.costs; select * from public.days');
});

test('views of users are named when ours lose a column, and nothing changes', async () => {
  const columns = await columnsOfOurs();
  await olderView('1.5 as cost, current_date as day');
  await expect(upgrade()).rejects.toMatchObject({
    code: 'HWCNF',
    message: expect.stringContaining('public.costs'),
    detail: { views: ['public.costs', 'public.days'] },
  });
  expect(await columnsOfOurs()).toEqual(['cost', 'day']);
  await db.pool.query('drop view public.costs; drop materialized view public.days');
  await upgrade();
  expect(await columnsOfOurs()).toEqual(columns);
});

test('a down migration that would drop views of users is rejected', async () => {
  await db.pool.query(REPORTS);
  await expect(migrateDown(db.url, false)).rejects.toMatchObject({ code: 'HWCNF' });
  await db.pool.query('select * from public.costs; select * from public.days');
});

test.each([
  [
    'a view',
    'create view public.mine as select id, status from howdah.executions',
    'public.mine|view mine',
  ],
  [
    'a column',
    'create table public.mine (status howdah.execution_status)',
    'column status of table',
  ],
  [
    'a foreign key',
    'create table public.mine (agent_id uuid references howdah.agents (id))',
    'constraint mine_agent_id_fkey',
  ],
])('a down migration names %s that depends on a table or type of ours', async (_, sql, name) => {
  await db.pool.query(sql);
  await expect(migrateDown(db.url, true)).rejects.toMatchObject({
    code: 'HWCNF',
    message: expect.stringMatching(name),
    hint: expect.stringContaining('pg_get_viewdef'),
  });
  await db.pool.query('drop view if exists public.mine').catch(() => {});
  await db.pool.query('drop table if exists public.mine').catch(() => {});
  await db.pool.query('select from howdah.agents');
});
