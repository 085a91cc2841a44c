import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openReading, type Reading } from './reading.ts';

/** A shop, a schema that is somebody else's although it may be read, and tables of two tenants in one. */
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

let database: TestDatabase;
let reading: Reading;
let theirs: string;
let listener: pg.PoolClient;
const notices: string[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
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
  reading = await openReading(database.url, pool);
  listener = await pool.connect();
  listener.on('notification', ({ payload = '' }) => notices.push(payload));
  await listener.query('listen loot');
});
afterAll(async () => {
  listener?.release();
  await reading.pool.end();
  await database.drop();
});

/** All that an attack may have left: rows, objects, locks of its session, its role, notices. */
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

/** Refused by its text, with a part of what is said. */
const REFUSED: readonly (readonly [query: string, reason: RegExp])[] = [
  // more than one statement, and what is no SELECT
  ['select 1; delete from shop.orders', /2 statements/],
  ['select 1; commit; delete from shop.orders', /3 statements/],
  ['', /is empty/],
  [`select '{hr.salaries}'::_regclass::oid[]`, /_regclass/],
  ['select session_user', /asks who is asking/],
  ['select current_catalog', /asks who is asking/],
  ['select system_user', /./],
  ['select version()', /version/],
  ['select getpgusername()', /getpgusername/],
  ['-- nothing', /0 statements/],
  ['delete from shop.orders', /DELETE/],
  ["insert into shop.orders values (0, 'x')", /INSERT/],
  ['update shop.orders set id = 0', /UPDATE/],
  ['truncate shop.orders', /TRUNCATE/],
  [
    'merge into shop.orders as o using shop.orders as n on o.id = n.id when matched then delete',
    /MERGE/,
  ],
  ['drop table shop.orders', /DROP/],
  ['create table shop.loot as select 1', /CREATE/],
  ['set role howdah_owner', /VARIABLE SET/],
  ['reset role', /VARIABLE SET/],
  ['show all', /VARIABLE SHOW/],
  ['begin', /TRANSACTION/],
  ['do $$ begin delete from shop.orders; end $$', /DO/],
  ['call shop.write()', /CALL/],
  ["copy (select 1) to program 'id'", /COPY/],
  ["copy shop.orders from '/etc/passwd'", /COPY/],
  ['explain analyze delete from shop.orders', /EXPLAIN/],
  ['prepare p as select 1', /PREPARE/],
  ['execute p', /EXECUTE/],
  ['declare c cursor with hold for select 1', /DECLARE CURSOR/],
  ['listen loot', /LISTEN/],
  ["notify loot, 'x'", /NOTIFY/],
  ['lock table shop.orders', /LOCK/],
  ['vacuum shop.orders', /VACUUM/],
  ["load 'dblink'", /LOAD/],
  // within a SELECT
  ['select * into shop.loot from shop.orders', /INTO/],
  ['select 1 union (select * into loot from shop.orders)', /syntax error|INTO/],
  ['with gone as (delete from shop.orders returning *) select * from gone', /DELETE/],
  ["with new as (insert into shop.orders values (0, 'x') returning *) select * from new", /INSERT/],
  ['select * from (select * from shop.orders for update) as o', /locks rows/],
  ['select * from shop.orders for key share skip locked', /locks rows/],
  ['select $1', /parameter/],
  // tables that are not the tool's
  ['select * from hr.salaries', /hr\.salaries is in none/],
  ['select * from closed.papers', /closed\.papers is in none/],
  ['select * from howdah.tenants', /howdah\.tenants is in none/],
  ['select (select max(salary) from hr.salaries)', /hr\.salaries/],
  [
    'select 1 where exists (select from shop.orders, lateral (select from hr.salaries) as s)',
    /hr\.salaries/,
  ],
  ['with a as (select * from hr.salaries) select * from a', /hr\.salaries/],
  ['table hr.salaries', /hr\.salaries/],
  ['values ((select salary from hr.salaries))', /hr\.salaries/],
  ['select 1 order by (select salary from hr.salaries)', /hr\.salaries/],
  ['select 1 limit (select salary from hr.salaries)', /hr\.salaries/],
  ['select sum(1) over (order by (select salary from hr.salaries))', /hr\.salaries/],
  [
    'select count(*) filter (where exists (select from hr.salaries)) from shop.orders',
    /hr\.salaries/,
  ],
  [
    'select * from shop.orders tablesample system ((select salary from hr.salaries))',
    /hr\.salaries/,
  ],
  ['select null::hr.salaries', /hr\.salaries/],
  ['select * from "hr"."salaries"', /hr\.salaries/],
  ['select * from U&"\\0068r".salaries', /hr\.salaries/],
  ['select * from postgres.shop.orders', /names a database/],
  ['select * from howdah_private.workers', /system/],
  ['select * from pg_catalog.pg_authid', /system/],
  ['select prosrc from pg_proc', /system/],
  ['select * from pg_stat_activity', /system/],
  ['select * from information_schema.tables', /system/],
  ['with pg_roles as (select 1) select * from pg_roles', /system/],
  [
    'select * from (with pg_settings as (select 1) select * from pg_settings) as a, pg_settings',
    /system/,
  ],
  ["select 'hr.salaries'::regclass", /regclass/],
  ["select regclass('hr.salaries')", /regclass/],
  // functions that do more than compute
  ['select pg_sleep(1)', /pg_sleep/],
  ['select PG_CATALOG.PG_SLEEP(1)', /pg_sleep/],
  ['select U&"pg_sl\\0065ep"(1)', /pg_sleep/],
  ['select (1).pg_sleep', /pg_sleep/],
  ["select ('role').current_setting", /current_setting/],
  ["select ('/etc/passwd').pg_read_file", /pg_read_file/],
  ["select (array['/etc/passwd'])[1].pg_read_file", /pg_read_file|syntax/],
  ['select o.id from shop.orders as o where ((o.id).pg_sleep) is null', /pg_sleep/],
  ["select set_config('role', 'none', true)", /set_config/],
  ["select set_config('howdah.bound', '', true)", /set_config/],
  ["select current_setting('howdah.bound')", /current_setting/],
  ["select pg_read_file('/etc/passwd')", /pg_read_file/],
  ["select pg_ls_dir('.')", /pg_ls_dir/],
  ["select lo_import('/etc/passwd')", /lo_import/],
  ["select lo_from_bytea(0, 'x')", /lo_from_bytea/],
  ["select query_to_xml('select * from hr.salaries', true, true, '')", /query_to_xml/],
  ["select table_to_xml('hr.salaries', true, true, '')", /table_to_xml/],
  ["select schema_to_xml('hr', true, true, '')", /schema_to_xml/],
  ["select database_to_xml(true, true, '')", /database_to_xml/],
  ["select * from ts_stat('select to_tsvector(name) from hr.salaries')", /ts_stat/],
  ["select ts_rewrite('a'::tsquery, 'select ''a''::tsquery, ''b''::tsquery')", /ts_rewrite/],
  ['select pg_advisory_lock(1)', /pg_advisory_lock/],
  ['select pg_try_advisory_xact_lock(1)', /pg_try_advisory/],
  ['select pg_terminate_backend(1)', /pg_terminate_backend/],
  ['select pg_cancel_backend(1)', /pg_cancel_backend/],
  ['select pg_reload_conf()', /pg_reload_conf/],
  ["select nextval('shop.numbers')", /nextval/],
  ["select setval('shop.numbers', 9)", /setval/],
  ["select pg_notify('loot', 'x')", /pg_notify/],
  ["select pg_logical_emit_message(false, 'a', 'b')", /pg_logical_emit_message/],
  ['select pg_export_snapshot()', /pg_export_snapshot/],
  ['select pg_current_xact_id()', /pg_current_xact_id/],
  ['select txid_current()', /txid_current/],
  ['select setseed(0.5)', /setseed/],
  ["select dblink('', 'select 1')", /no such function/],
  ["select has_table_privilege('howdah_app', 'hr.salaries', 'select')", /has_table_privilege/],
  ["select col_description('hr.salaries'::text::oid, 1)", /col_description/],
  ['select inet_server_addr()', /inet_server_addr/],
  ['select * from pg_show_all_settings()', /pg_show_all_settings/],
  ['select * from rows from (generate_series(1, 2), pg_ls_waldir())', /pg_ls_waldir/],
  ['select * from lateral (select pg_sleep(1)) as s', /pg_sleep/],
  ['select 1 from shop.orders order by pg_sleep(1)', /pg_sleep/],
  ['select case when true then pg_sleep(1)::text end', /pg_sleep/],
  ['select no_such(1)', /no such function/],
  // functions of the schema itself
  ['select shop.write()', /write/],
  ['select write()', /write/],
  ["select shop.obey('delete from shop.orders returning id')", /obey/],
  ['select lower(o) from shop.orders as o', /lower/],
  ['select howdah.run($$development$$, $$x$$)', /howdah\.run is in none/],
  ['select howdah_private.binding(null, null)', /system/],
  // what nobody can read
  [`select ${'x'.repeat(20_000)}`, /characters/],
  ["select '\0'", /characters/],
];

describe('a query is not run', () => {
  test.each(REFUSED)('%s', async (query, reason) => {
    const before = await state();
    const outcome = await reading.ask(query);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'invalid_arguments' } });
    expect(JSON.stringify(outcome)).toMatch(reason);
    expect(await state()).toEqual(before);
  });
});

/** What still holds when the text was not looked at, by the SQLSTATE; a time-out is 57014. */
const HELD: readonly (readonly [query: string, sqlstate: string])[] = [
  ['select 1) as r; delete from shop.orders; --', '42601'],
  ['select 1) as r; commit; --', '42601'],
  ['delete from shop.orders', '42601'],
  ['with gone as (delete from shop.orders returning *) select * from gone', '0A000'],
  ['select * from shop.orders for update', '42501'],
  ['select * from closed.papers', '42501'],
  ['select * from howdah_private.binding_keys', '42501'],
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
  ["select howdah_private.run_bound('select 1', null, 'public')", '42501'],
  ['select pg_sleep(60)', '57014'],
];

test('what is nested too deeply hurts nobody', async () => {
  for (const query of [
    `select ${'not '.repeat(4_900)}true`,
    `select ${'('.repeat(9_900)}1${')'.repeat(9_900)}`,
    `select ${'1+'.repeat(9_900)}1`,
    `select ${'(select '.repeat(1_200)}1${')'.repeat(1_200)}`,
  ]) {
    const outcome = await reading.ask(query);
    if (!outcome.ok)
      expect(JSON.stringify(outcome)).toMatch(/call stack|stack depth|memory exhausted/);
    expect(await reading.ask('select 1 as one')).toMatchObject({ value: { rows: [{ one: 1 }] } });
  }
});

describe('past the parser, too, the database refuses', () => {
  test.each(HELD)('%s', async (query, sqlstate) => {
    const before = await state();
    const outcome = await reading.slip(query, { timeoutMs: 1_000 });
    expect(outcome).toMatchObject({ ok: false, error: { cause: { sqlstate } } });
    expect(await state()).toEqual(before);
  });

  test.each([
    'select pg_advisory_lock(7)',
    "select pg_notify('loot', 'x')",
    "select set_config('search_path', 'hr', false), set_config('statement_timeout', '1', false)",
    "select set_config('howdah.tenant_id', 'x', false)",
  ])('and nothing is left by %s', async (query) => {
    const before = await state();
    expect(await reading.slip(query)).toMatchObject({ ok: true });
    expect(await state()).toEqual(before);
  });
});

describe('a query reads the rows of its tenant alone', () => {
  test('in tables of Howdah and of others', async () => {
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
    'also past the parser, when it sets %s in the same statement',
    async (name) => {
      for (const value of [theirs, `${theirs} - 00`, '']) {
        const { ok, ...rest } = await reading.slip(
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

  test('and an immutable function of the schema may help', async () => {
    expect(await reading.ask('select price(2), shop.price(4) as b')).toMatchObject({
      value: { rows: [{ price: 4, b: 8 }] },
    });
  });
});

const ASSETS = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'hostile-sql');
const hasAssets = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(ASSETS);

describe.skipIf(!hasAssets)('published attacks (HOWDAH_TEST_ASSETS)', () => {
  const linesOf = (name: string) =>
    readFileSync(join(ASSETS, name), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));

  test('statements against Postgres are refused, whole and line by line', async () => {
    const before = await state();
    const texts = linesOf('postgres_attacks.jsonl').flatMap(({ sql }) => [sql, ...sql.split('\n')]);
    const ran: string[] = [];
    for (const text of texts) if ((await reading.ask(text, { schemas: null })).ok) ran.push(text);
    expect(ran).toEqual([]);
    expect(await state()).toEqual(before);
  });

  test('payloads change nothing, as a query and within one', async () => {
    const before = await state();
    for (const { payload } of linesOf('payloads.jsonl')) {
      for (const query of [payload, `select * from shop.orders where customer = '${payload}'`]) {
        const outcome = await reading.ask(query, { timeoutMs: 1_000 });
        if (outcome.ok) expect(outcome.value.rows.length).toBeLessThanOrEqual(100);
        expect(JSON.stringify(outcome)).not.toContain('ada');
      }
    }
    expect(await state()).toEqual(before);
  });
});
