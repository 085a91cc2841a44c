import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseQuery } from '../../../src/db/query-analysis/parse.ts';
import { HOSTILE_STRINGS } from '../../fixtures/hostile-strings.ts';
import { testDatabase } from '../../support/database.ts';
import { openQueryTool, type QueryTool } from './query-tool.ts';
import { REFUSED } from './refused-queries.ts';

/**
 * A shop, a readable schema that the tool is not configured for, and tables that contain two
 * tenants.
 */
const SCHEMAS = `
  create schema shop; create schema hr; create schema closed;
  grant usage on schema shop, hr to howdah_analyst;
  create table shop.orders (id int primary key, customer text, addr shop.orders);
  alter table shop.orders drop column addr;
  insert into shop.orders select i, 'customer ' || i from generate_series(1, 200) as i;
  create table shop.notes (tenant_id uuid not null, note text);
  alter table shop.notes enable row level security;
  create policy own on shop.notes using (tenant_id = howdah.current_tenant());
  create table hr.salaries (name text, salary int);
  insert into hr.salaries values ('ada', 100);
  create table closed.papers (text text);
  create sequence shop.numbers;
  create function shop.write() returns int language sql security definer as
    'insert into shop.orders values (-1, ''loot'') returning id';
  create function shop.price(int) returns int language sql immutable as 'select $1 * 2';
  create function shop.obey(text text) returns text language plpgsql stable as $$
    declare v text; begin execute text into v; return v; end $$;
  create function shop.lower(shop.orders) returns text language plpgsql volatile as
    $$ begin perform pg_notify('loot', ''); return 'x'; end $$;
  grant select on shop.orders, shop.notes, hr.salaries to howdah_analyst;
  grant usage on sequence shop.numbers to howdah_analyst;
`;

const database = testDatabase();
let reading: QueryTool;
let theirs: string;
let listener: pg.PoolClient;
const notices: string[] = [];

beforeAll(async () => {
  const { pool } = database;
  await pool.query(
    SCHEMAS.replace(/, addr shop\.orders/, '').replace(/alter table .* addr;\n/, ''),
  );
  const { rows } = await pool.query(
    `insert into howdah.tenants (slug, name) values ('theirs', 'Theirs') returning id`,
  );
  theirs = rows[0].id;
  await pool.query(
    `insert into shop.notes select id, 'of ' || slug from howdah.tenants where slug in ('default', 'theirs')`,
  );
  reading = await openQueryTool(database.url, pool);
  listener = await pool.connect();
  listener.on('notification', ({ payload = '' }) => notices.push(payload));
  await listener.query('listen loot');
});
afterAll(async () => {
  listener?.release();
  await reading.pool.end();
});

/**
 * Reads all possible traces of an attack: rows, objects, locks of its session, its role, notices.
 */
async function state(): Promise<unknown> {
  const { pool } = database;
  const { rows } = await pool.query(`
    select (select count(*) || ' ' || max(id) from shop.orders) as orders,
      (select last_value || ' ' || is_called from shop.numbers) as numbers,
      (select count(*)::int from pg_class) as relations, (select count(*)::int from pg_largeobject_metadata) as objects,
      (select count(*)::int from howdah.tenants) as tenants,
      (select count(*)::int from pg_locks as l join pg_stat_activity as a on a.pid = l.pid
       where a.application_name = 'howdah-queries' and a.datname = current_database() and a.state = 'idle') as locks,
      (select count(*)::int from pg_roles) > 0 as roles`);
  const sessions = await reading.pool.query(
    `select current_user, current_setting('role') as role, current_setting('search_path') as path,
       current_setting('transaction_read_only') as read_only, current_setting('statement_timeout') as timeout`,
  );
  return { ...rows[0], ...sessions.rows[0], notices: [...notices] };
}

describe('rejected queries', () => {
  test.each(REFUSED)('%s', async (query, reason) => {
    const before = await state();
    const outcome = await reading.ask(query);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'invalid_arguments' } });
    expect(JSON.stringify(outcome)).toMatch(reason);
    expect(await state()).toEqual(before);
  });
});

/** Queries that fail even if the parser is bypassed, by SQLSTATE. A timeout is 57014. */
const HELD: readonly (readonly [query: string, sqlstate: string])[] = [
  ['select 1) as r; delete from shop.orders; --', '42601'],
  ['select 1) as r; commit; --', '42601'],
  ['delete from shop.orders', '42601'],
  ['with gone as (delete from shop.orders returning *) select * from gone', '0A000'],
  ['select * from shop.orders for update', '42501'],
  ['select * from closed.papers', '42501'],
  ['select * from howdah_private.installation', '42501'],
  ['select rolpassword from pg_authid', '42501'],
  ["select set_config('role', 'none', true)", '42501'],
  ["select set_config('role', 'howdah_worker', true)", '42501'],
  ["select set_config('session_authorization', 'howdah_owner', true)", '42501'],
  ["select set_config('transaction_read_only', 'off', true)", '25001'],
  ["select pg_read_file('/etc/passwd')", '42501'],
  ["select pg_ls_dir('.')", '42501'],
  ["select lo_import('/etc/passwd')", '42501'],
  ["select nextval('shop.numbers')", '25006'],
  ['select shop.write()', '25006'],
  ["select shop.obey('delete from shop.orders returning id')", '0A000'],
  ['select 1 as a) as x, (select salary from hr.salaries', 'HWDEN'],
  ['select max(salary) from hr.salaries', 'HWDEN'],
  ['select max(rolname) from pg_roles', 'HWDEN'],
  ['select slug from howdah.tenants', 'HWDEN'],
  [
    'select pg_terminate_backend(a.pid) from pg_stat_get_activity(null) as a where a.usesysid is not null and a.pid <> pg_backend_pid()',
    '42501',
  ],
  ["select howdah.run('development', 'x')", '42501'],
  ['select howdah_private.binding(null, null)', '42501'],
  ["select howdah_private.run_as_tool_role('select 1', null, 'public')", '42501'],
  ['select pg_sleep(60)', '57014'],
];

test('deeply nested queries do no harm', async () => {
  for (const query of [
    `select ${'not '.repeat(4_900)}true`,
    `select ${'('.repeat(9_900)}1${')'.repeat(9_900)}`,
    `select ${'1+'.repeat(9_900)}1`,
    `select ${'(select '.repeat(1_200)}1${')'.repeat(1_200)}`,
  ]) {
    const outcome = await reading.ask(query);
    if (!outcome.ok)
      expect(JSON.stringify(outcome)).toMatch(/call stack|stack depth|memory exhausted|levels/);
    expect(await reading.ask('select 1 as one')).toMatchObject({ value: { rows: [{ one: 1 }] } });
  }
});

test.each<[string, string, string]>([
  ['upper(', 'name', ')'],
  ["concat('a', ", 'name', ')'],
  ['case when true then ', 'name', ' end'],
  ['case when is_active then name else ', 'name', ' end'],
  ['left(', 'name', ', 5)'],
  ['(', 'data', " -> 'a')"],
  ['sum(', 'id', ') over ()'],
  ['(', 'name', '::text)'],
])('reads each level of %s once', async (open, inner, close) => {
  const nest = (levels: number) => `${open.repeat(levels)}${inner}${close.repeat(levels)}`;
  // twice the work for each level would take years
  const read = (levels: number) => parseQuery(`select ${nest(levels)} from orders`, null);
  expect(JSON.stringify(await read(60))).not.toMatch(/levels|call stack/);
  const most = Math.floor(19_000 / (open.length + close.length));
  expect(JSON.stringify(await read(most))).toMatch(/more than 200 levels|call stack/);
});

const list = (length: number, item: (at: number) => string, between: string) =>
  Array.from({ length }, (_, at) => item(at)).join(between);
/** Returns a query with this number of nested semi-joins, each with the policies of its tables. */
const nested = (levels: number) =>
  list(levels, (at) => `select 1 from agents as a${at} where exists (`, '') +
  `select 1${')'.repeat(levels)}`;

describe('size limits of a query, checked before the server sees it', () => {
  test.each([
    [nested(60), 'it has 60 tables, at most 30 are allowed'],
    [nested(8), 'it has 9 levels of sub-selects, at most 8 are allowed'],
    [`select 1 from ${list(31, (at) => `orders as o${at}`, ', ')}`, 'it has 31 tables'],
    [`select 1 from ${list(31, (at) => `generate_series(1, 9) as o${at}`, ', ')}`, '31 tables'],
    [list(31, () => 'table orders', ' union all '), 'it has 31 tables'],
    [list(31, () => 'select 1', ' union '), 'it has 31 SELECTs'],
    [`select ${list(31, () => '(select 1)', ', ')}`, 'it has 32 SELECTs'],
    [
      `select 1 where 1 in (select 1) and ${list(31, () => 'exists (select 2)', ' and ')}`,
      '33 SELECTs',
    ],
    [`with ${list(31, (at) => `c${at} as (select 1)`, ', ')} select 1`, 'it has 32 SELECTs'],
    [
      `select 1 from orders as o ${list(30, (at) => `cross join lateral (select o.id) as l${at}`, ' ')}`,
      'it has 31 SELECTs',
    ],
    [
      `select ${list(31, (at) => `array_agg(id order by id + ${at})`, ', ')} from orders`,
      'it has 31 window',
    ],
    [
      `select ${list(31, (at) => `sum(${at}) over (order by id + ${at})`, ', ')} from orders`,
      'it has 31 window',
    ],
    ['with a as not materialized (table orders) select 1 from a, a as b', 'NOT MATERIALIZED'],
  ])('%.60s…: %s', async (query, reason) => {
    const outcome = await parseQuery(query, ['shop', 'howdah']);
    expect(outcome).toMatchObject({
      ok: false,
      error: {
        code: 'invalid_arguments',
        message: expect.stringContaining(reason),
        cause: { hint: expect.any(String) },
      },
    });
  });

  test.each([
    nested(7),
    `select 1 from ${list(30, (at) => `orders as o${at}`, ', ')} limit 0`,
    list(30, () => 'select 1', ' union all '),
    `select sum(1) filter (where id in (${list(1_000, String, ', ')})) over () from orders`,
  ])('accepts a query within the bounds: %.40s…', async (query) => {
    expect(await parseQuery(query, ['shop', 'howdah'])).toMatchObject({ ok: true });
  });
});

test('counts the tables behind views and partitions', async () => {
  const { rows } = await database.pool.query(
    `select count(*)::int as months from pg_inherits where inhparent = 'howdah.executions'::regclass`,
  );
  const ofRuns = 1 + rows[0].months;
  await database.pool.query(
    `create view shop.runs as select a.id from howdah.executions as a join howdah.executions as b using (id);
     create view shop.more_runs as select id from shop.runs union all select id from shop.runs;
     grant select on shop.runs, shop.more_runs to howdah_analyst`,
  );
  const countPlannedTables = async (...tables: { name: string; schema?: string }[]) =>
    (
      await database.pool.query('select howdah_private.planned_tables($1, $2) as n', [
        JSON.stringify(tables),
        ['shop', 'howdah'],
      ])
    ).rows[0].n;
  expect(await countPlannedTables({ name: 'orders' }, { name: 'no_such_table' })).toBe(1);
  expect(await countPlannedTables({ name: 'executions' })).toBe(ofRuns);
  expect(await countPlannedTables({ name: 'more_runs' })).toBe(1 + 2 * (1 + 2 * ofRuns));
  expect(await countPlannedTables({ name: 'runs' }, { name: 'runs', schema: 'shop' })).toBe(
    2 + 4 * ofRuns,
  );
  const few = Math.floor(300 / (1 + 2 * (1 + 2 * ofRuns)));
  const cross = (count: number) =>
    `select 1 from ${list(count, (at) => `more_runs as r${at}`, ', ')} limit 0`;
  expect(await reading.ask(cross(few))).toMatchObject({ value: { rows: [] } });
  expect(await reading.ask(cross(few + 1))).toMatchObject({
    error: {
      code: 'invalid_arguments',
      message: expect.stringMatching(/^the query was not run: it reads \d+ tables, .* at most 300/),
    },
  });
});

describe('the database rejects queries that bypass the parser', () => {
  test.each(HELD)('%s', async (query, sqlstate) => {
    const before = await state();
    const outcome = await reading.queryWithoutParser(query, { timeoutMs: 1_000 });
    expect(outcome).toMatchObject({ ok: false, error: { cause: { sqlstate } } });
    expect(await state()).toEqual(before);
  });

  test('leaves no advisory lock, where the server lets it take one', async () => {
    const before = await state();
    await reading.queryWithoutParser('select pg_advisory_lock(7)');
    expect(await state()).toEqual(before);
  });

  test.each([
    "select pg_notify('loot', 'x')",
    "select set_config('search_path', 'hr', false), set_config('statement_timeout', '1', false)",
    "select set_config('howdah.tenant_id', 'x', false)",
  ])('leaves no effect of %s', async (query) => {
    const before = await state();
    expect(await reading.queryWithoutParser(query)).toMatchObject({ ok: true });
    expect(await state()).toEqual(before);
  });
});

describe('a query reads only rows of its tenant', () => {
  test('in tables of Howdah and in other tables', async () => {
    expect(await reading.ask('select note from notes')).toMatchObject({
      value: { rows: [{ note: 'of default' }] },
    });
    expect(await reading.ask('select note from notes', { tenant: theirs })).toMatchObject({
      value: { rows: [{ note: 'of theirs' }] },
    });
    expect(
      await reading.ask('select slug from howdah.tenants', { schemas: ['howdah'] }),
    ).toMatchObject({ value: { rows: [{ slug: 'default' }] } });
  });

  test.each(['howdah.tenant_id', 'howdah.pinned_tenant', 'howdah.bound'])(
    'when it bypasses the parser and sets %s in the same statement',
    async (name) => {
      for (const value of [theirs, `${theirs} - 00`, '']) {
        const { ok, ...rest } = await reading.queryWithoutParser(
          `select n.note, t.slug from (select set_config('${name}', '${value}', true) offset 0) as s, notes as n, howdah.tenants as t`,
          { schemas: ['shop', 'howdah'] },
        );
        expect({ ok, found: JSON.stringify(rest).includes('theirs') }).toEqual({
          ok: true,
          found: false,
        });
      }
    },
  );

  test('and may call an immutable function of the schema', async () => {
    expect(await reading.ask('select price(2), shop.price(4) as b')).toMatchObject({
      value: { rows: [{ price: 4, b: 8 }] },
    });
  });
});

const ASSETS = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'hostile-sql');
const hasAssets = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(ASSETS);

const linesOf = (name: string) =>
  readFileSync(join(ASSETS, name), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test.skipIf(!hasAssets)(
  'published statements against Postgres are refused, whole and line by line (HOWDAH_TEST_ASSETS)',
  async () => {
    const before = await state();
    const texts = linesOf('postgres_attacks.jsonl').flatMap(({ sql }) => [sql, ...sql.split('\n')]);
    const ran: string[] = [];
    for (const text of texts) if ((await reading.ask(text, { schemas: null })).ok) ran.push(text);
    expect(ran).toEqual([]);
    expect(await state()).toEqual(before);
  },
);

test('hostile strings change nothing, as a query and within one', async () => {
  const before = await state();
  const payloads = hasAssets ? linesOf('payloads.jsonl').map(({ payload }) => payload) : [];
  for (const payload of [...Object.values(HOSTILE_STRINGS), ...payloads]) {
    for (const query of [payload, `select * from shop.orders where customer = '${payload}'`]) {
      const outcome = await reading.ask(query, { timeoutMs: 1_000 });
      if (outcome.ok) expect(outcome.value.rows.length).toBeLessThanOrEqual(100);
      expect(JSON.stringify(outcome)).not.toContain('ada');
    }
  }
  expect(await state()).toEqual(before);
});
