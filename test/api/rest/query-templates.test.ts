import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { all, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { startTestApi } from '../harness.ts';
import { call } from './call.ts';

// Questions about figures, without an API key. The local model writes SQL from templates over a
// catalogue of tables that it was not prepared for.

const TABLES = `
  create schema laden;
  create table laden."Kunden" (id int primary key, name text);
  create table laden."Rechnungen" (nr int primary key, "Kunde" int references laden."Kunden",
    "Rechnungsdatum" date, "Fälligkeitsdatum" date, "Betrag" numeric(10, 2), "MwSt-Betrag" numeric(10, 2));
  create table laden.ausgaben (id int primary key, datum date, betrag numeric(10, 2));
  insert into laden."Kunden" values (1, 'Müller | Söhne'), (2, 'Weber');
  insert into laden."Rechnungen" values (1, 1, '2024-02-01', '2024-03-01', 10, 1.9),
    (2, 1, '2025-01-31', '2025-03-01', 100.50, 19), (3, 2, '2025-03-31', '2025-05-01', 200, 38),
    (4, 2, '2025-04-01', '2025-05-01', 7, 1), (5, 2, '2026-05-01', '2026-06-01', 3, 1);
  insert into laden.ausgaben values (1, '2025-02-02', 40), (2, '2026-01-01', 50);

  create schema store;
  create table store.customers (id int primary key, name text, created_at timestamptz);
  create table store.products (id int primary key, title text, price numeric);
  create table store.orders (id int primary key, customer_id int references store.customers,
    ordered_at timestamptz, shipped_at timestamptz, status text);
  create table store.order_lines (order_id int references store.orders,
    product_id int references store.products, quantity int, unit_price numeric, discount numeric);
  insert into store.customers values (1, 'Ada'), (2, 'Bo');
  insert into store.products values (1, 'Lamp', 20), (2, 'Stove', 60);
  insert into store.orders values (1, 1, '2025-01-15', '2025-04-02', 'shipped'),
    (2, 2, '2025-02-15', null, 'open'), (3, 1, '2025-06-01', null, 'cancelled');
  insert into store.order_lines values (1, 1, 2, 20), (1, 2, 1, 60), (2, 2, 3, 55), (3, 1, 1, 20);

  create schema "Acme";
  create table "Acme".invoices (id int primary key, issued_at timestamptz, due_on date,
    paid_at timestamptz, net_amount numeric, gross_amount numeric, tax_amount numeric, status text, currency text);
  insert into "Acme".invoices values
    (1, '2025-01-05', '2025-02-05', null, 100, 119, 19, 'open', 'EUR'),
    (2, '2025-02-05', '2025-03-05', '2025-04-05', 50, 59.5, 9.5, 'paid', 'USD'),
    (3, '2025-03-05', '2025-04-05', null, 10, 11.9, 1.9, 'open', 'EUR');
  comment on table "Acme".invoices is 'What we sold: see also the ledger';

  create schema twofold;
  create table twofold.invoices (id int, issued_on date, amount numeric);
  create table twofold.orders (id int, order_date date, total numeric);
  insert into twofold.invoices values (1, '2025-01-01', 1);
  insert into twofold.orders values (1, '2025-01-01', 2);
  create schema shut;
  create table shut.invoices (id int, issued_on date, amount numeric);
  create schema tenanted;
  create table tenanted.orders (tenant int, id int, ordered_on date, primary key (tenant, id));
  create table tenanted.order_lines (tenant int, order_id int, quantity int, unit_price numeric,
    foreign key (tenant, order_id) references tenanted.orders (tenant, id));
  create schema whole;
  create table whole.orders (id int primary key, ordered_on date, total numeric);
  create table whole.order_lines (order_id int references whole.orders, quantity int, unit_price numeric);
  insert into whole.orders values (1, '2025-01-01', 5);
  create schema goods;
  create table goods.products (id int, price numeric, quantity int, created_at date);
  create schema weather;
  create table weather.readings (id int, measured_on date, degrees numeric);

  grant usage on schema laden, store, "Acme", twofold, shut, tenanted, whole, goods, weather to howdah_analyst;
  grant select on all tables in schema laden, store, "Acme", twofold, tenanted, whole, goods, weather to howdah_analyst`;

const db = testDatabase();
let api: ApiServer;
let worker: Worker;

beforeAll(async () => {
  await db.pool.query(TABLES);
  await db.pool.query(`select howdah.use_analyst('{laden}')`);
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

async function read(schema: string) {
  await db.pool.query(
    `update howdah.agent_tools set configuration = jsonb_build_object('schemas', jsonb_build_array($1::text))
     where agent_id = howdah.agent('analyst')`,
    [schema],
  );
}

async function ask(question: string) {
  const { status, body } = await call(api, 'POST', '/query', { question });
  expect({ status, run: body.status, error: body.error }).toEqual({
    status: 200,
    run: 'completed',
    error: null,
  });
  return body;
}

describe('German tables', () => {
  beforeAll(() => read('laden'));

  test.each(['Umsatz Q1', 'Wie hoch waren die Einnahmen im ersten Quartal?'])(
    '%s',
    async (question) => {
      const body = await ask(question);
      expect(body).toMatchObject({
        rows: [{ revenue: 300.5, row_count: 2, first_day: '2025-01-31', last_day: '2025-03-31' }],
        decision: { method: 'lexical', chosen: [{ member: 'analyst' }] },
      });
      expect(body.sql).toContain('sum(t."Betrag") as revenue');
      expect(body.sql).toContain(`t."Rechnungsdatum" < date '2025-04-01'`);
      expect(body.answer).toContain('Umsatz Q1 2025: 300.5');
      expect(body.answer).toContain('Ohne Sprachmodell beantwortet. SQL-Vorlage');
      expect(body.answer).toContain('laden."Rechnungen": sum("Betrag") nach "Rechnungsdatum"');
      expect(body.answer).toContain('2025 ist das neueste Jahr mit Zeilen in diesem Zeitraum');
      const decisions = await all(
        db.pool,
        'select method, chosen, reason, candidates from howdah.routing_decisions where execution_id = $1',
        [body.execution_id],
      );
      expect(decisions).toEqual([body.decision]);
    },
  );

  test.each([
    ['What was our turnover in the first quarter?', [{ revenue: 300.5 }]],
    ['Umsatz 1. Quartal 2024', [{ revenue: 10 }]],
    ['Umsatz im April 2025', [{ revenue: 7 }]],
    ['Umsatz 2. Halbjahr 2025', [{ row_count: 0 }]],
    ['Gesamtumsatz', [{ revenue: 320.5 }]],
    ['Kosten Q1 2025', [{ cost: 40 }]],
    ['Wie viele Rechnungen gab es im Jahr 2025?', [{ row_count: 3 }]],
    ['Umsatz 2025 pro Quartal', [{ quarter: '2025-Q1', revenue: 300.5 }, { revenue: 7 }]],
    ['Umsatz 2025 je Kunde', [{ name: 'Weber', revenue: 207 }, { name: 'Müller | Söhne' }]],
  ])('%s', async (question, rows) => {
    const { rows: found } = await ask(question);
    expect(found).toHaveLength(rows.length);
    expect(found).toMatchObject(rows);
  });

  test('periods relative to today', async () => {
    await db.pool.query(`insert into laden."Rechnungen" values
      (90, 1, date_trunc('month', current_date) - interval '1 month', null, 990, 0),
      (91, 1, date_trunc('year', current_date) - interval '1 day', null, 880, 0)`);
    const expected = await one(
      db.pool,
      `select sum("Betrag")::float8 as sum from laden."Rechnungen"
       where date_trunc('month', "Rechnungsdatum") = date_trunc('month', current_date) - interval '1 month'`,
    );
    expect((await ask('Umsatz letzten Monat')).rows).toMatchObject([{ revenue: expected.sum }]);
    const q4 = await one(
      db.pool,
      `select sum("Betrag")::float8 as sum from laden."Rechnungen" where "Rechnungsdatum"
       between date_trunc('year', current_date) - interval '3 months' and date_trunc('year', current_date) - interval '1 day'`,
    );
    expect((await ask('Umsatz Q4 letztes Jahr')).rows).toMatchObject([{ revenue: q4.sum }]);
    await db.pool.query('delete from laden."Rechnungen" where nr >= 90');
  });
});

describe('an English shop with order lines', () => {
  beforeAll(() => read('store'));

  test.each([
    ['Umsatz Q1', [{ revenue: 265 }]],
    ['Wie hoch waren die Einnahmen im ersten Quartal?', [{ revenue: 265 }]],
    ['What was our turnover in the first quarter?', [{ revenue: 265 }]],
    [
      'revenue 2025 by customer',
      [
        { name: 'Bo', revenue: 165 },
        { name: 'Ada', revenue: 120 },
      ],
    ],
    ['sales in 2025 per product', [{ title: 'Stove', revenue: 225 }, { title: 'Lamp' }]],
    ['revenue 2025 by month', [{ month: '2025-01' }, { month: '2025-02' }, { month: '2025-06' }]],
  ])('%s', async (question, rows) => {
    const body = await ask(question);
    expect(body.rows).toHaveLength(rows.length);
    expect(body.rows).toMatchObject(rows);
    expect(body.sql).toContain('sum(t.quantity * t.unit_price)');
  });

  test('the answer says what was not filtered', async () => {
    const { answer } = await ask('revenue Q1 2025');
    expect(answer).toContain(
      'store.order_lines: sum(quantity * unit_price) by store.orders.ordered_at',
    );
    expect(answer).toContain('Not filtered by status. Not deducted: discount.');
    expect(answer).toContain('No language model was involved.');
  });
});

describe('invoices in a schema with a quoted name', () => {
  beforeAll(() => read('Acme'));

  test('two amounts that fit are named, and neither is chosen', async () => {
    const { answer, rows } = await ask('What was our turnover in the first quarter?');
    expect(rows).toBeNull();
    expect(answer).toContain('sum(net_amount) by issued_at');
    expect(answer).toContain('sum(gross_amount) by issued_at');
    expect(answer).toContain('Name the table or the column in the question.');
  });

  test.each(['net revenue Q1', 'Netto-Umsatz Q1', 'revenue Q1 net_amount'])(
    '%s is summed by currency',
    async (question) => {
      expect((await ask(question)).rows).toMatchObject([
        { currency: 'EUR', revenue: 110, row_count: 2 },
        { currency: 'USD', revenue: 50, row_count: 1 },
      ]);
    },
  );
});

describe('nothing is guessed', () => {
  const refusal = async (question: string) => {
    const { answer, sql, rows } = await ask(question);
    expect({ sql, rows }).toEqual({ sql: null, rows: null });
    expect(answer).toContain('not an LLM');
    return answer;
  };

  test('two tables that fit are named; naming one in the question chooses it', async () => {
    await read('twofold');
    const answer = await refusal('What was our turnover in the first quarter?');
    expect(answer).toContain('twofold.invoices: sum(amount) by issued_on');
    expect(answer).toContain('twofold.orders: sum(total) by order_date');
    expect((await ask('Turnover Q1 in orders')).rows).toMatchObject([{ revenue: 2 }]);
    expect((await ask('Umsatz Q1 nach Rechnungen')).rows).toBeNull(); // `nach` asks for groups
  });

  test('a table without a grant is not read', async () => {
    await read('shut');
    expect(await refusal('What was our revenue in Q1?')).toContain('no table may be read');
  });

  test.each([
    ['weather', 'weather.readings'],
    ['goods', 'goods.products'], // stock is not sales
    ['tenanted', 'tenanted.order_lines'], // a join by a part of a key would count rows twice
  ])('tables in %s are not summed', async (schema, table) => {
    await read(schema);
    expect(await refusal('What was our revenue in Q1?')).toContain(table);
  });

  test('the total of an order is taken before its lines', async () => {
    await read('whole');
    expect((await ask('How much revenue does the shop make in Q1?')).rows).toMatchObject([
      { revenue: 5 },
    ]);
  });

  test.each([
    ["revenue Q1'; drop table store.products; --", 'drop, table'],
    ['revenue Q1 union select secret', 'union, select, secret'],
    ['What was our revenue in Q1 with customer Ada?', 'Ada'],
    ['What was the average revenue in Q1?', 'average'],
    ['revenue not in Q1', 'not'],
    ['revenue before 2025', 'before'],
    ['Which revenue in Q1?', 'Which'],
    ['revenue until March', 'until'],
    ['What was the revenue in Q1 and Q2?', 'one period'],
  ])('%s', async (question, words) => {
    await read('store');
    expect(await refusal(question)).toContain(words);
  });
});

test('with an LLM the analyst writes the SQL itself', async () => {
  await read('store');
  const sql = `select sum(l.quantity * l.unit_price) as turnover from store.order_lines as l
    join store.orders as o on o.id = l.order_id where o.ordered_at < '2025-04-01' and o.status <> 'cancelled'`;
  const script = [
    { tool_calls: [{ name: 'sql_query', arguments: { query: 'describe' } }] },
    { tool_calls: [{ name: 'sql_query', arguments: { query: sql } }] },
    { content: 'The turnover in Q1 2025 was 265.' },
  ];
  await db.pool.query(
    `with model as (insert into howdah.models (name, provider, model) values ('clever', 'scripted', 'm') returning id)
     insert into howdah.agent_models (agent_id, model_id, position, request_params)
     select howdah.agent('analyst'), m.id, 1, $1 from model as m`,
    [JSON.stringify({ script })],
  );
  const body = await ask('What was our turnover in the first quarter?');
  expect(body).toMatchObject({
    answer: 'The turnover in Q1 2025 was 265.',
    sql,
    rows: [{ turnover: 265 }],
    row_count: 1,
    decision: { chosen: [{ member: 'analyst' }] },
  });
  await db.pool.query(`delete from howdah.agent_models where agent_id = howdah.agent('analyst')`);
});

test('use_analyst leaves an analyst without sql_query alone', async () => {
  const tenant_id = await makeTenant(db.pool);
  await db.pool.query(
    `insert into howdah.agents (tenant_id, name, instruction) values ($1, 'analyst', 'x')`,
    [tenant_id],
  );
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant_id]);
    await expect(client.query('select howdah.use_analyst()')).rejects.toMatchObject({
      code: 'HWCNF',
    });
  } finally {
    await client.query('rollback');
    client.release();
  }
});

test('use_analyst adds schemas, and creates one agent', async () => {
  const agents = await all(
    db.pool,
    `select name, (select array_agg(id) = array[howdah.agent('analyst')]
       from howdah.use_analyst('{store, laden}') as id) as same from howdah.agents where name = 'analyst' and tenant_id = howdah.current_tenant()`,
  );
  expect(agents).toEqual([{ name: 'analyst', same: true }]);
  expect(
    await one(
      db.pool,
      `select configuration from howdah.agent_tools where agent_id = howdah.agent('analyst')`,
    ),
  ).toEqual({ configuration: { schemas: ['store', 'laden'] } });
  await expect(db.pool.query(`select howdah.use_analyst('{}')`)).rejects.toMatchObject({
    code: 'HWINV',
  });
  await expect(db.pool.query(`select howdah.use_analyst('{pg_catalog}')`)).rejects.toMatchObject({
    code: 'HWINV',
  });
});
