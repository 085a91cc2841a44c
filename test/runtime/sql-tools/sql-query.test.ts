import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, resultsOf, runToEnd, stepsOf } from '../arrange.ts';
import { openQueryTool, type QueryTool } from './query-tool.ts';

const SHOP = `
  create schema shop;
  create table shop.customers (id int primary key, name text not null, country text);
  comment on table shop.customers is 'Who buys.';
  comment on column shop.customers.country is 'ISO code';
  create table shop.orders (
    id int primary key, customer_id int not null references shop.customers (id), total numeric(10, 2), note text, secret text);
  insert into shop.customers values (1, 'Ada', 'DE'), (2, 'Bo', 'SE');
  insert into shop.orders select i, 1 + i % 2, i, 'note | ' || i, 'hidden' from generate_series(1, 250) as i;
  create view shop.big_orders as select id, total from shop.orders where total > 200;
  create table shop.hidden (x int);
  create schema vault;
  create table vault.papers (text text);
  insert into vault.papers values ('for all');
  create schema window_of_it;
  create view window_of_it.papers as select text from vault.papers;
  create table shop.shared (tenant_id uuid, word text);
  alter table shop.shared enable row level security;
  create policy own on shop.shared using (tenant_id = howdah.current_tenant());
  create table public.visits (day date);
  create schema old;
  create table old.orders (id int);
  insert into old.orders values (-1);
  analyze;
  grant usage on schema shop, old, window_of_it to howdah_analyst;
  grant select on shop.customers, shop.big_orders, window_of_it.papers, shop.shared, old.orders, public.visits to howdah_analyst;
  grant select (id, customer_id, total, note) on shop.orders to howdah_analyst;
`;

const database = testDatabase();
let worker: Worker;
let reading: QueryTool;

beforeAll(async () => {
  await database.pool.query(SHOP);
  await database.pool.query(
    `insert into shop.shared select id, slug from howdah.tenants;
     insert into shop.shared values (howdah.uuid_v7(), 'theirs')`,
  );
  worker = await startTestWorker(database.url);
  reading = await openQueryTool(database.url, database.pool);
});
afterAll(async () => {
  await worker.stop(1_000);
  await reading.pool.end();
});

/**
 * Runs an agent that makes these queries one after the other. Returns the result of each query and
 * the steps of the run.
 */
async function converse(queries: string[], configuration: JsonObject = { schemas: ['shop'] }) {
  const { pool } = database;
  const script = [
    ...queries.map((query) => callTools({ name: 'sql_query', arguments: { query } })),
    { content: 'done' },
  ];
  const agent = await makeAgent(pool, { script, tools: ['sql_query'] });
  await pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
    agent,
    JSON.stringify(configuration),
  ]);
  const run = await runToEnd(pool, agent);
  expect(run).toMatchObject({ status: 'completed', output: 'done' });
  const steps = (await stepsOf(pool, run.id)).filter(({ kind }) => kind === 'tool');
  return { results: await resultsOf(pool, run.id), steps };
}

async function resultOf(query: string, configuration?: JsonObject): Promise<string> {
  const conversation = await converse([query], configuration);
  return conversation.results[0] ?? '';
}

describe('sql_query', () => {
  test('returns a table to the model and stores the rows in the log', async () => {
    const { results, steps } = await converse([
      `select name, count(*) as n, sum(total) as "of", null as nothing from orders as o
       join customers as c on c.id = o.customer_id group by name order by name;`,
    ]);
    expect(results).toEqual([
      '| name | n | of | nothing |\n| --- | --- | --- | --- |\n| Ada | 125 | 15750 | null |\n| Bo | 125 | 15625 | null |\n(2 rows)',
    ]);
    expect(steps[0]?.output).toMatchObject({
      row_count: 2,
      cut_by: null,
      rows: [{ name: 'Ada', n: 125 }, { name: 'Bo' }],
    });
  });

  test('keeps a cell on one line, and columns of the same name distinct', async () => {
    const text = await resultOf(
      `select o.id, c.id, o.note, E'a\\nb' as lines, repeat('x', 400) as long from orders o join customers c on c.id = customer_id where o.id = 7`,
    );
    expect(text).toContain('| id | id (2) | note | lines | long |');
    expect(text).toContain('| 7 | 2 | note \\| 7 | a ⏎ b | ');
    expect(text).toContain(`${'x'.repeat(300)}… |`);
    expect(await resultOf('select 1 where false')).toBe('(no rows)');
  });

  test('reads a view over a schema that is not accessible', async () => {
    const text = await resultOf('select text from papers', { schemas: ['window_of_it'] });
    expect(text).toContain('| for all |');
  });

  test('errors state the cause, the position and alternatives, so that the model repairs its query', async () => {
    const { results } = await converse([
      'select nam from customers',
      '/* 🦀 */ select name from custmers; -- misspelt',
      'select name,\n  from customers',
      'select secret from orders',
      'select * from hidden',
      'select count(*) as n from customers',
    ]);
    const errors = results.slice(0, 5).map((text) => JSON.parse(text).error);
    expect(errors[0]).toMatchObject({
      code: 'tool_failed',
      message: 'column "nam" does not exist',
      details: {
        sqlstate: '42703',
        line: 1,
        column: 8,
        near: 'nam from customers',
        hint: expect.stringContaining('customers.name'),
      },
    });
    expect(errors[1]).toMatchObject({
      details: {
        sqlstate: '42P01',
        line: 1,
        column: 26,
        hint: expect.stringContaining('describe'),
      },
    });
    expect(errors[2]).toMatchObject({
      code: 'invalid_arguments',
      details: { sqlstate: '42601', line: 2, column: 3 },
    });
    for (const error of errors.slice(3)) {
      expect(error).toMatchObject({
        details: { sqlstate: '42501', hint: expect.stringContaining('howdah_analyst') },
      });
    }
    expect(results[5]).toContain('| 2 |');
  });

  test('reads only public by default, and resolves names in the order of its schemas', async () => {
    expect(await resultOf('select count(*) as n from visits', {})).toContain('| 0 |');
    expect(await resultOf('select * from shop.customers', {})).toContain('none of the schemas');
    expect(
      await resultOf('select min(id) as n from orders', { schemas: ['old', 'shop'] }),
    ).toContain('| -1 |');
    expect(
      await resultOf('select min(id) as n from orders', { schemas: ['shop', 'old'] }),
    ).toContain('| 1 |');
  });

  test('limits rows, bytes, cost and time, and reports each limit', async () => {
    const rows = await resultOf('select id from orders order by id', {
      schemas: ['shop'],
      max_rows: 3,
    });
    expect(rows).toMatch(/\| 3 \|\n\(the first 3 rows; there are more: /);
    const { results: bytes, steps } = await converse([
      `select id, repeat('ab', 2000) as long from orders`,
      `select repeat('ab', 50000) as long`,
    ]);
    expect(bytes[0]).toMatch(/\(the first 15 rows; there are more, 61440 bytes being the most/);
    expect(bytes[1]).toMatch(/^\(the first 0 rows/);
    expect(steps[0]?.output).toMatchObject({ row_count: 15, cut_by: 'bytes' });
    const cost = await resultOf('select count(*) from orders a, orders b, orders c', {
      schemas: ['shop'],
      max_cost: 1000,
    });
    expect(JSON.parse(cost)).toMatchObject({
      error: { message: expect.stringContaining('too expensive') },
    });
    const time = await resultOf(
      'with recursive n as (select 1 as i union all select i + 1 from n) select count(*) from n',
      { schemas: ['shop'], timeout_ms: 200 },
    );
    expect(JSON.parse(time)).toMatchObject({
      error: { code: 'timeout', message: expect.stringContaining('200 ms') },
    });
  });

  test('does not wait long for a lock', async () => {
    const client = await database.pool.connect();
    await client.query('begin; lock table shop.customers in access exclusive mode');
    const outcome = await reading.ask('select * from customers');
    await client.query('rollback');
    client.release();
    expect(outcome).toMatchObject({ ok: false, error: { cause: { sqlstate: '55P03' } } });
  });

  test('applies row security: only rows of its tenant are visible', async () => {
    expect(await resultOf('select word from shared')).toContain('| default |\n(1 row)');
  });
});

test('extracts a query from a Markdown code block', async () => {
  for (const text of [
    '```sql\nselect 1 as one;\n```',
    '```\nselect 1 as one\n```',
    '```SQL\n select 1\nas one```\n',
  ])
    expect(await resultOf(text)).toContain('| one |');
  expect(await resultOf('```sql\ndescribe\n```')).toContain('shop.orders (about 250 rows)');
});

describe('describe', () => {
  test('lists the readable tables and columns', async () => {
    expect(await resultOf('describe')).toBe(
      [
        'shop.big_orders (view): id integer, total numeric(10,2)',
        'shop.customers (about 2 rows) — Who buys.: id integer, name text, country text',
        'shop.orders (about 250 rows): id integer, customer_id integer → shop.customers.id, total numeric(10,2), note text',
        'shop.shared: tenant_id uuid, word text',
      ].join('\n'),
    );
    expect(await resultOf('describe;', { schemas: ['nowhere'] })).toBe(
      'There is no table that may be read in nowhere: none is opened to agents there, or the schema has another name.',
    );
  });

  test('shows requested tables in detail, with sample values from readable rows', async () => {
    const text = await resultOf('Describe Customers, shop.shared');
    expect(text).toContain(
      'shop.customers (about 2 rows) — Who buys.\n  id integer, key, such as "1", "2"\n  name text, never null, such as "Ada", "Bo"\n  country text, such as "DE", "SE" — ISO code',
    );
    expect(text).toContain('  word text, such as "default"');
    expect(text).not.toContain('theirs');
    expect(await resultOf('describe orders')).not.toContain('hidden');
  });

  test('rejects tables that may not be read', async () => {
    for (const name of ['hidden', 'old.orders', 'howdah_private.workers', 'pg_class', 'nope']) {
      expect(JSON.parse(await resultOf(`describe ${name}`))).toMatchObject({
        error: { code: 'not_found', message: expect.stringContaining(name) },
      });
    }
  });
});

describe('configuration', () => {
  test.each<[object, string]>([
    [{ schemas: 'shop' }, 'schemas'],
    [{ schemas: [] }, 'schemas'],
    [{ schemas: ['howdah_private'] }, 'schemas'],
    [{ schemas: ['pg_catalog'] }, 'schemas'],
    [{ schemas: ['information_schema'] }, 'schemas'],
    [{ max_rows: 0 }, 'max_rows'],
    [{ max_rows: 1001 }, 'max_rows'],
    [{ max_cost: 'much' }, 'max_cost'],
    [{ timeout_ms: 60_001 }, 'timeout_ms'],
  ])('rejects %j when it is written', async (configuration, field) => {
    const refusal = {
      code: 'HWINV',
      message: expect.stringContaining(field),
      hint: expect.stringContaining('"schemas"'),
    };
    const { pool } = database;
    await expect(
      pool.query(`update howdah.tools set configuration = $1 where name = 'sql_query'`, [
        configuration,
      ]),
    ).rejects.toMatchObject(refusal);
    const agent = await makeAgent(pool, { script: [], tools: ['sql_query'] });
    await expect(
      pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
        agent,
        configuration,
      ]),
    ).rejects.toMatchObject(refusal);
  });
});

const CHINOOK = join(process.env.HOWDAH_TEST_ASSETS ?? '', 'db-chinook/chinook_postgres.sql');
const hasChinook = process.env.HOWDAH_TEST_ASSETS !== undefined && existsSync(CHINOOK);

describe.skipIf(!hasChinook)('an analyst over Chinook (HOWDAH_TEST_ASSETS)', () => {
  test('inspects tables, queries, repairs its query and answers', async () => {
    const { pool } = database;
    const text = readFileSync(CHINOOK, 'utf8').replace(
      /^(DROP DATABASE|CREATE DATABASE|\\c ).*$/gm,
      '',
    );
    await pool.query(`create schema chinook; set search_path = chinook; ${text}; reset search_path;
      grant usage on schema chinook to howdah_analyst; grant select on all tables in schema chinook to howdah_analyst`);
    const { results, steps } = await converse(
      [
        'describe',
        'describe invoice_line, track',
        'select g.name, sum(l.unit_price * l.quantity) as revenue from invoice_line l join track t using (track_id) join genres g using (genre_id) group by 1 order by 2 desc limit 3',
        'select g.name, sum(l.unit_price * l.quantity) as revenue from invoice_line l join track t using (track_id) join genre g using (genre_id) group by g.name order by revenue desc limit 3',
      ],
      { schemas: ['chinook'] },
    );
    expect(results[0]).toContain('chinook.invoice_line');
    expect(results[1]).toContain('track_id integer, never null, refers to chinook.track.track_id');
    expect(JSON.parse(results[2] ?? '')).toMatchObject({
      error: { details: { sqlstate: '42P01' } },
    });
    expect(steps[3]?.output).toMatchObject({
      rows: [
        { name: 'Rock', revenue: 826.65 },
        { name: 'Latin', revenue: 382.14 },
        { name: 'Metal', revenue: 261.36 },
      ],
    });
  });
});
