import { randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { TLSSocket } from 'node:tls';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Rows } from '../../../src/contracts/bounded-read.ts';
import type { Outcome } from '../../../src/contracts/errors.ts';
import { putSecretOn, secretRowsOn } from '../../../src/db/access/secrets.ts';
import { createPool, type Pool } from '../../../src/db/connection/pool.ts';
import { connectExternal } from '../../../src/db/external-database/connect.ts';
import {
  type DatabaseUrl,
  parseDatabaseUrl,
} from '../../../src/db/external-database/database-url.ts';
import { faultOfServer } from '../../../src/db/external-database/login.ts';
import { readExternal } from '../../../src/db/external-database/read.ts';
import { createExternalReader } from '../../../src/db/external-database/reader.ts';
import { ExactNumber } from '../../../src/json/exact-number.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { createSecretWriter } from '../../../src/secrets/writer.ts';
import { createEgress } from '../../../src/tools/egress.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { createEmptyDatabase, type TestDatabase, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { selfSigned } from '../../tools/certificate.ts';
import { callTools, makeAgent, resultsOf, runToEnd, stepsOf } from '../arrange.ts';
import { REFUSED } from './refused-queries.ts';

const suffix = randomBytes(4).toString('hex');
const PASSWORD = `pass-${randomBytes(8).toString('hex')}/@:%`;
const reader = `reader_${suffix}`;

/** Content of an external database, and the rights on it. */
const WAREHOUSE = `
  create schema shop; create schema hr; create schema closed;
  create table shop.orders (id int primary key, customer text);
  insert into shop.orders select i, 'customer ' || i from generate_series(1, 200) as i;
  comment on table shop.orders is 'What was ordered.';
  create table shop.wide (text text);
  insert into shop.wide select repeat('x', 20000) from generate_series(1, 10);
  create table shop.kept (text text);
  insert into shop.kept values ('${PASSWORD}');
  create table hr.salaries (name text, salary int);
  insert into hr.salaries values ('ada', 100);
  create table closed.papers (text text);
  create view shop.whispers with (security_invoker = true) as select * from closed.papers;
  create function shop.rumour() returns setof text language sql immutable as 'select text from closed.papers';
  create table hr.wages (name text); create view shop.hearsay as select name from hr.wages;
  create view shop.papers as select * from closed.papers;
  create sequence shop.numbers;
  create function shop.write() returns int language sql security definer as
    'insert into shop.orders values (-1, ''loot'') returning id';
  create function shop.obey(text text) returns text language plpgsql stable as $$
    declare v text; begin execute text into v; return v; end $$;
  create function shop.lower(shop.orders) returns text language plpgsql volatile as
    $$ begin perform pg_notify('loot', ''); return 'x'; end $$;
  revoke all on schema public from public;
  grant usage on schema shop, hr to ${reader};
  grant select on shop.orders, shop.wide, shop.kept, shop.papers, shop.whispers, hr.salaries to ${reader};
  grant usage on sequence shop.numbers to ${reader};
  analyze`;

const database = testDatabase();
let other: TestDatabase;
let pool: Pool;
let worker: Worker;
let url: string;
let host: string;
let elsewhere: ReturnType<typeof createExternalReader>;
const log: string[] = [];

beforeAll(async () => {
  other = await createEmptyDatabase();
  await other.pool.query(`create role ${reader} login password '${PASSWORD}'`);
  await other.pool.query(WAREHOUSE);
  url = urlAs(reader, PASSWORD);
  ({ host } = new URL(url));
  pool = createPool({
    url: database.url,
    applicationName: 'howdah-queries',
    role: 'howdah_worker',
  });
  elsewhere = createExternalReader(pool, createEgress({ allowPrivate: [host] }).addresses);
  const masterKeys = createMasterKeys({ keys: [randomBytes(32)], file: undefined });
  const logger = pino({ level: 'trace' }, { write: (line: string) => void log.push(line) });
  worker = await startTestWorker(database.url, { masterKeys, log: logger, egressAllow: [host] });
  const { rows } = await database.pool.query(
    `select id from howdah.tenants where slug = 'default'`,
  );
  const { set } = createSecretWriter(secretRowsOn(database.pool), masterKeys);
  await set(rows[0].id, 'warehouse', url, putSecretOn(database.pool, rows[0].id));
  await set(
    rows[0].id,
    'wrong',
    urlAs(reader, 'wrong-password'),
    putSecretOn(database.pool, rows[0].id),
  );
});
afterAll(async () => {
  await worker.stop(0);
  await pool.end();
  await other.pool.query(`drop owned by ${reader}`);
  await other.pool.query(`drop role ${reader}`);
  await other.drop();
});

function urlAs(user: string, password: string, sslmode = 'disable'): string {
  const found = new URL(other.url);
  found.username = user;
  found.password = encodeURIComponent(password);
  found.search = `?sslmode=${sslmode}`;
  return found.href;
}

const LIMITS = { rows: 100, bytes: 60_000, cost: 1e7, timeoutMs: 5_000 };
const requestOf = (query: string, more: Partial<typeof LIMITS> = {}) => ({
  boundTo: { tenantId: '', executionId: '' },
  query,
  schemas: ['shop'],
  limits: { ...LIMITS, ...more },
  signal: new AbortController().signal,
});
const ask = (query: string, more: Partial<typeof LIMITS> = {}, at = url): Promise<Outcome<Rows>> =>
  elsewhere(at, 'warehouse').rows(requestOf(query, more));

/**
 * Runs a query without the parser and the catalogue check, as a query that deceived both would run.
 */
async function queryWithoutChecks(query: string): Promise<Outcome<Rows>> {
  const find = createEgress({ allowPrivate: [host] }).addresses;
  const request = requestOf(query, { timeoutMs: 1_000 });
  const place = parseDatabaseUrl(url) as DatabaseUrl;
  const client = await connectExternal(place, 'warehouse', 1_000, find, request.signal);
  if (!client.ok) return client;
  const { rows } = await pool.query('select * from howdah_private.reading_rules()');
  const parsed = { text: query, calls: [], tables: [] };
  return readExternal(client.value, request, parsed, 'warehouse', rows[0]).finally(() =>
    client.value.end(),
  );
}

/** Reads all possible traces of an attack on that server. */
async function state(): Promise<unknown> {
  const { rows } = await other.pool.query(`
    select (select count(*) || ' ' || max(id) from shop.orders) as orders, (select last_value || ' ' || is_called from shop.numbers) as numbers,
      (select count(*)::int from pg_class) as relations, (select count(*)::int from pg_largeobject_metadata) as objects`);
  return rows[0];
}

async function converse(queries: string[], configuration: JsonObject) {
  const script = [
    ...queries.map((query) => callTools({ name: 'sql_query', arguments: { query } })),
    { content: 'done' },
  ];
  const agent = await makeAgent(database.pool, { script, tools: ['sql_query'] });
  await database.pool.query(
    'update howdah.agent_tools set configuration = $2 where agent_id = $1',
    [agent, JSON.stringify(configuration)],
  );
  const run = await runToEnd(database.pool, agent);
  expect(run).toMatchObject({ status: 'completed' });
  return {
    results: await resultsOf(database.pool, run.id),
    steps: await stepsOf(database.pool, run.id),
  };
}

describe('sql_query with an external database', () => {
  test('queries it, describes its tables and returns hints to repair a query', async () => {
    const { results, steps } = await converse(
      [
        'select count(*) as n, max(customer) as customer from orders',
        'describe',
        'describe orders',
        'select id,\n  nam from orders',
      ],
      { database: 'warehouse', schemas: ['shop'] },
    );
    expect(results[0]).toBe('| n | customer |\n| --- | --- |\n| 200 | customer 99 |\n(1 row)');
    expect(results[1]).toContain('shop.orders (about 200 rows) — What was ordered.');
    expect(results[1]).not.toContain('salaries');
    expect(results[2]).toContain('customer text, such as "customer 1"');
    expect(JSON.parse(results[3] as string).error).toMatchObject({
      message: 'column "nam" does not exist',
      details: { sqlstate: '42703', line: 2, column: 3, hint: expect.stringContaining('describe') },
    });
    expect(steps.find(({ kind }) => kind === 'tool')?.output).toMatchObject({ row_count: 1 });
  });

  test('reports a wrong password without showing it', async () => {
    const { results } = await converse(['select 1'], { database: 'wrong' });
    expect(JSON.parse(results[0] as string).error).toMatchObject({
      code: 'tool_failed',
      message: 'the database of the secret wrong rejects the user or the password of its URL',
    });
  });

  test('URL and password appear in no log and no row', async () => {
    const { results } = await converse(['select text from kept', 'select text::int from kept'], {
      database: 'warehouse',
      schemas: ['shop'],
    });
    expect(results[0]).toContain('| *** |');
    expect(results[1]).toContain('invalid input syntax');
    const secrets = [PASSWORD, url, encodeURIComponent(PASSWORD), 'wrong-password'];
    const { rows } = await database.pool.query(
      `select coalesce(string_agg(output::text || coalesce(error::text, ''), ''), '') as said from howdah.steps where kind <> 'model'`,
    );
    for (const secret of secrets) {
      expect(log.join('')).not.toContain(secret);
      expect(rows[0].said).not.toContain(secret);
    }
  });

  test('must name an existing secret, which then cannot be removed', async () => {
    const set = (configuration: JsonObject) =>
      database.pool.query(`update howdah.tools set configuration = $1 where name = 'sql_query'`, [
        JSON.stringify(configuration),
      ]);
    await expect(set({ database: 'nothing' })).rejects.toMatchObject({ code: 'HWNTF' });
    const refused = await set({ database: url }).catch((error) => error);
    expect(refused.code).toBe('HWINV');
    expect(JSON.stringify({ ...refused, message: refused.message })).not.toContain(PASSWORD);
    await set({ database: 'warehouse' });
    await expect(
      database.pool.query(`delete from howdah.secrets where name = 'warehouse'`),
    ).rejects.toMatchObject({ code: 'HWCNF' });
    await set({});
  });
});

test('a system file can name the database; an unknown secret is rejected', async () => {
  const apply = (secret: string) => {
    const configuration = { sql_query: { database: secret, schemas: ['shop'] } };
    const keeper = { mission: 'Count.', tools: { allow: ['sql_query'], configuration } };
    const system = { version: 'v1', name: 'stock', agents: { keeper } };
    return database.pool.query('select howdah.apply_agent_system($1, dry_run => false)', [
      JSON.stringify(system),
    ]);
  };
  await expect(apply('nothing')).rejects.toMatchObject({ code: 'HWNTF' });
  await apply('warehouse');
  const { rows } = await database.pool.query(
    `select g.configuration from howdah.agent_tools as g where g.agent_id = howdah.agent('keeper')`,
  );
  expect(rows).toEqual([{ configuration: { database: 'warehouse', schemas: ['shop'] } }]);
});

describe('rejected queries against an external database', () => {
  test.each(REFUSED)('%s', async (query, reason) => {
    const before = await state();
    const outcome = await ask(query);
    expect(outcome).toMatchObject({ ok: false, error: { code: 'invalid_arguments' } });
    expect(JSON.stringify(outcome)).toMatch(reason);
    expect(await state()).toEqual(before);
  });

  test.each([
    ['select 1) as r; delete from shop.orders; --', '42601'],
    ['select 1) as r; commit; --', '42601'],
    ['delete from shop.orders', '42601'],
    ['with gone as (delete from shop.orders returning *) select * from gone', '0A000'],
    ['select * from shop.orders for update', '42501'],
    ['select * from closed.papers', '42501'],
    ['select rolpassword from pg_authid', '42501'],
    ["select set_config('transaction_read_only', 'off', true)", '25001'],
    ["select pg_read_file('/etc/passwd')", '42501'],
    ["select lo_import('/etc/passwd')", '42501'],
    ["select nextval('shop.numbers')", '25006'],
    ['select shop.write()', '25006'],
    ["select shop.obey('delete from shop.orders returning id')", '0A000'],
    ['select max(salary) from hr.salaries', 'HWDEN'],
    ['select max(rolname) from pg_roles', 'HWDEN'],
    ['select pg_sleep(60)', '57014'],
  ])('the database rejects a query that bypasses the parser: %s', async (query, sqlstate) => {
    const before = await state();
    expect(await queryWithoutChecks(query)).toMatchObject({
      ok: false,
      error: { cause: { sqlstate } },
    });
    expect(await state()).toEqual(before);
  });

  test.each([
    'select * from whispers',
    'select * from hearsay',
    'select rumour()',
    'select count(*) from shop.orders where customer in (select rumour())',
  ])('an error names no object that the login may not see: %s', async (query) => {
    for (const outcome of [await ask(query), await queryWithoutChecks(query)]) {
      expect(outcome).toMatchObject({ ok: false });
      expect(JSON.stringify(outcome)).not.toMatch(/closed|papers|wages/);
    }
  });

  test('an error does not name a table that the query did not name', async () => {
    const outcome = await queryWithoutChecks('select max(salary) from hr.salaries');
    expect(outcome).toMatchObject({
      error: {
        message: 'the query reads a table that is in none of the schemas this tool may read',
      },
    });
  });

  test('accepts a query that reads another schema through a view', async () => {
    expect(await ask('select * from papers')).toMatchObject({ value: { rows: [] } });
  });
});

describe('limits', () => {
  test('apply to rows, bytes, cost and time', async () => {
    expect(await ask('select * from orders')).toMatchObject({ value: { cut_by: 'rows' } });
    expect(await ask('select * from orders', { rows: 200 })).toMatchObject({
      value: { cut_by: null },
    });
    const wide = await ask('select * from wide');
    expect(wide.ok && [wide.value.rows.length, wide.value.cut_by]).toEqual([2, 'bytes']);
    expect(await ask('select count(*) from orders a, orders b', { cost: 10 })).toMatchObject({
      error: { message: expect.stringContaining('too expensive') },
    });
    expect(
      await ask('select count(*) from orders a, orders b, orders c, orders d', {
        timeoutMs: 200,
        cost: 1e15,
      }),
    ).toMatchObject({ error: { code: 'timeout', message: 'the query took longer than 200 ms' } });
  });

  test('columns of the same name stay distinct, and numbers are exact', async () => {
    expect(
      await ask('select 1 as a, 2 as a, 12345678901234567890::numeric as n, null as b'),
    ).toMatchObject({
      value: { rows: [{ a: 1, 'a (2)': 2, n: new ExactNumber('12345678901234567890'), b: null }] },
    });
  });

  test('concurrent queries take turns', async () => {
    const all = await Promise.all(Array.from({ length: 8 }, (_, i) => ask(`select ${i} as i`)));
    expect(all.map((one) => one.ok && one.value.rows[0]?.i)).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});

describe('rejects a login that may do more than read', () => {
  test.each([
    ['a superuser', 'superuser', '', /is a superuser/],
    ['a login that may create roles', 'createrole', '', /may make roles/],
    [
      'a login that may read server files',
      '',
      'grant pg_read_server_files to $',
      /pg_read_server_files/,
    ],
    [
      'a login that may write a table',
      '',
      'grant usage on schema shop to $; grant insert on shop.wide to $',
      /may write shop\.wide/,
    ],
    [
      'a login that may write a column',
      '',
      'grant usage on schema shop to $; grant update (text) on shop.wide to $',
      /may write shop\.wide/,
    ],
    [
      'a login that may write in another schema',
      '',
      'grant usage on schema hr to $; grant insert on hr.salaries to $',
      /may write in other schemas/,
    ],
  ])('%s', async (_who, attributes, grants, reason) => {
    const name = `strong_${randomBytes(4).toString('hex')}`;
    await other.pool.query(`create role ${name} login ${attributes} password '${PASSWORD}'`);
    await other.pool.query(grants.replaceAll('$', name));
    const outcome = await ask('select 1 as one', {}, urlAs(name, PASSWORD));
    expect(outcome).toMatchObject({ ok: false, error: { code: 'tool_failed', retryable: false } });
    expect(JSON.stringify(outcome)).toMatch(reason);
    expect(JSON.stringify(outcome)).not.toContain('salaries');
    await other.pool.query(`drop owned by ${name}`);
    await other.pool.query(`drop role ${name}`);
  });

  test('rejects a server that is too old to be checked', () => {
    expect(faultOfServer(110_022, null)).toBe(
      'its server is PostgreSQL 11; version 12 or newer is required',
    );
    expect(faultOfServer(120_000, null)).toBeUndefined();
  });
});

describe('a connection', () => {
  const message = async (at: string, allowPrivate = [host]) => {
    const read = createExternalReader(pool, createEgress({ allowPrivate }).addresses);
    const outcome = await read(at, 'warehouse').rows(requestOf('select 1'));
    const said = JSON.stringify(outcome);
    for (const part of [PASSWORD, encodeURIComponent(PASSWORD), reader, new URL(at).host]) {
      expect(said).not.toContain(part);
    }
    return outcome.ok ? '' : outcome.error.message;
  };

  test('does not go to a private address that is not allowed', async () => {
    expect(await message(url, [])).toContain('at no public address');
    for (const place of ['localhost', '169.254.169.254', '0x7f.1', '[::1]', '2130706433']) {
      const at = `postgresql://u:password@${place}:5432/db?sslmode=disable`;
      expect(await message(at, [])).toMatch(/at no public address|is not found/);
    }
  });

  test('reports a refused connection', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as { port: number };
    await new Promise((resolve) => server.close(resolve));
    const at = `postgresql://u:password@127.0.0.1:${port}/db?sslmode=disable`;
    expect(await message(at, [`127.0.0.1:${port}`])).toBe(
      'the database of the secret warehouse cannot be reached (ECONNREFUSED)',
    );
  });

  test('requires TLS unless its URL disables it', async () => {
    for (const sslmode of ['require', 'verify-ca', 'verify-full']) {
      expect(await message(urlAs(reader, PASSWORD, sslmode))).toContain(
        'cannot be reached with the sslmode',
      );
    }
    expect(await message(url.replace(/\?.*/, ''))).toMatch(
      /cannot be reached with the sslmode.*its server does not support TLS.*\?sslmode=disable/,
    );
  });

  test('uses TLS where the server supports it, and verifies the certificate if the URL requires it', async () => {
    const certificate = selfSigned('localhost');
    const { hostname, port } = new URL(url);
    const server = createServer((socket) => {
      socket.once('data', () => {
        socket.write('S'); // the preceding message only states whether to encrypt
        const safe = new TLSSocket(socket, { isServer: true, ...certificate });
        const inner = connect(Number(port), hostname);
        safe.pipe(inner).pipe(safe);
        for (const one of [safe, inner, socket]) one.on('error', () => one.destroy());
      });
    }).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const place = `127.0.0.1:${(server.address() as { port: number }).port}`;
    const at = (sslmode: string) => urlAs(reader, PASSWORD, sslmode).replace(host, place);
    expect(await message(at('require'), [place])).toBe('');
    for (const sslmode of ['verify-ca', 'verify-full']) {
      expect(await message(at(sslmode), [place])).toContain('cannot be reached with the sslmode');
    }
    server.close();
  });

  test('to a database that does not exist is rejected', async () => {
    expect(await message(url.replace(/\/[^/]*\?/, '/nothing?'))).toContain('does not exist');
  });
});

test.each([
  ['mysql://u:p@h/db', 'begins with postgresql'],
  ['warehouse', 'begins with postgresql'],
  ['postgresql://h/db', 'a user and a password'],
  ['postgresql://u@h/db', 'a user and a password'],
  ['postgresql://u:p@h', 'it has no database'],
  ['postgresql:///db?host=/tmp', 'it has no host|user'],
  ['postgresql://u:p@h/db?sslmode=prefer', 'sslmode must be one of'],
  ['postgresql://u:p@h/db?sslrootcert=/etc/passwd', 'sslmode is the only allowed parameter'],
  ['postgresql://u:p@h/db?options=-c%20x', 'sslmode is the only allowed parameter'],
])('rejects the URL %s', (text, reason) => {
  expect(parseDatabaseUrl(text)).toMatch(new RegExp(reason));
});

test('parses all parts of a URL', () => {
  expect(parseDatabaseUrl('postgres://me:a%40b@Db.Example.com/sales?sslmode=require\n')).toEqual({
    ...{ host: 'db.example.com', port: 5432, user: 'me', password: 'a@b', database: 'sales' },
    tls: 'require',
  });
});
