import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Json } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, resultsOf, runToEnd, stepsOf } from '../arrange.ts';

const database = testDatabase();
let worker: Worker;

const FUNCTIONS = `
  create schema "odd ""shop";
  set search_path = "odd ""shop";
  create type colour as enum ('red', 'light "blue"');
  create type place as (x int, "y ""axis" numeric);
  create domain even as int check (value % 2 = 0);
  create function all_kinds(n int, big bigint, f numeric, b bool, t text, d date, ts timestamptz, u uuid, j jsonb,
    a int[], tt text[], c colour, cc colour[], p place, e even, by bytea, iv interval) returns jsonb language sql as $$
    select jsonb_build_object('n', n + 1, 'big', big, 'f', f * 2, 'b', not b, 't', upper(t), 'd', d + 1,
      'ts', extract(epoch from ts), 'u', u, 'j', j -> 'deep', 'a', a[2], 'tt', tt[2], 'c', c, 'cc', cc[2],
      'p', (p).x, 'y', (p)."y ""axis", 'e', e + 2, 'by', encode(by, 'escape'), 'iv', iv * 2) $$;
  create function optional(a text, b text default 'B', c int default 7) returns text language sql as
    $$ select a || b || c $$;
  create function same(text text) returns text language sql as $$ select same.text $$;
  create function drop_nothing("a); drop table howdah.steps; --" text, "b""c" text, "Ü 🐘" text, "select" text)
    returns text[] language sql as $$ select array[$1, $2, $3, $4] $$;
  create function r(r text) returns text language sql as $$ select 'result of ' || r.r $$;
  create function record(r text) returns table (r text, a int, value text) language sql as
    $$ select 'first', 1, 'v' union all select 'second', 2, null $$;
  create function inherited(a text default 'unset', constructor text default 'unset', "toString" text default 'unset')
    returns text language sql as $$ select a || constructor || "toString" $$;
  create function nothing() returns void language sql as $$ select $$;
  create function no_row() returns setof int language sql as $$ select 1 where false $$;
  create function rows() returns setof int language sql as $$ select generate_series(1, 3) $$;
  create function null_text() returns text language sql as $$ select null::text $$;
  create function one_point() returns place language sql as $$ select 1, 2.5 $$;
  create function out_args(a int, out b int, out c text) language sql as $$ select a + 1, 'c' $$;
  create function one_out(a int, out total int) language sql as $$ select a + 1 $$;
  create function table_of_one() returns table (total int) language sql as $$ select 7 $$;
  create function large() returns bigint language sql as $$ select 9007199254740993 $$;
  create function exact() returns numeric language sql as $$ select 0.10000000000000000001 $$;
  create function not_a_number() returns float8 language sql as $$ select 'NaN'::float8 $$;
  create function takes_large(n bigint) returns text language sql as $$ select n::text $$;
  create function takes_money(m money) returns text language sql as $$ select m::numeric::text $$;
  create domain weight as float8;
  create type spot as (at float8, label text);
  create function floats(n float8 default 0, r real default 0, a float8[] default '{}', w weight default 0,
    p spot default null) returns text language sql as $$ select concat_ws(' ', n, r, a, w, p) $$;`;

beforeAll(async () => {
  const client = await database.pool.connect();
  await client.query(FUNCTIONS);
  await client.query(
    `set search_path = ''; select howdah.register_sql_tool(p.oid::regprocedure::text)
     from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
     where n.nspname = 'odd "shop'`,
  );
  client.release(true);
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
});

async function resultOf(name: string, args: Json = {}): Promise<string> {
  const { pool } = database;
  const script = [callTools({ name, arguments: args }), { content: 'ok' }];
  const run = await runToEnd(pool, await makeAgent(pool, { script, tools: [name] }));
  expect(run).toMatchObject({ status: 'completed' });
  const [text = ''] = await resultsOf(pool, run.id);
  const step = (await stepsOf(pool, run.id))[1];
  expect(step?.error ?? null).toBe(text.startsWith('{"error"') ? step?.error : null);
  return text;
}

async function result(name: string, args: Json = {}): Promise<Json> {
  return JSON.parse(await resultOf(name, args));
}

const KINDS = {
  n: 1,
  big: 4_294_967_296,
  f: 0.25,
  b: false,
  t: 'text',
  d: '2024-02-28',
  ts: '1970-01-01T00:01:00Z',
  u: '00000000-0000-7000-8000-000000000001',
  j: { deep: [1, { x: null }] },
  a: [1, 2],
  tt: ['a', 'b"\\,{}'],
  c: 'light "blue"',
  cc: ['red', 'light "blue"'],
  p: { x: 5, 'y "axis': 1.5 },
  e: 4,
  by: 'raw',
  iv: '1 day',
};

describe('arguments', () => {
  test('with an invalid type reach no statement, whoever wrote the definition', async () => {
    const type = `text) cross join lateral (select pg_catalog.set_config('shop.broken', 'yes', false)) as r --`;
    const configuration = { schema: 'odd "shop', function: 'same', returns_set: false };
    await database.pool.query(
      `insert into howdah.tools (name, kind, configuration, parameters) values ('poisoned', 'sql', $1, '{"type": "object"}')`,
      [JSON.stringify({ ...configuration, arguments: [{ name: 'text', type, optional: false }] })],
    );
    const text = await resultOf('poisoned', { text: 'x' });
    expect(text).toContain('error');
    expect(text).not.toContain('yes');
  });

  test('of every type arrive unchanged', async () => {
    expect(await result('all_kinds', KINDS)).toEqual({
      n: 2,
      big: 4_294_967_296,
      f: 0.5,
      b: true,
      t: 'TEXT',
      d: '2024-02-29',
      ts: 60,
      u: KINDS.u,
      j: [1, { x: null }],
      a: 2,
      tt: 'b"\\,{}',
      c: 'light "blue"',
      cc: 'light "blue"',
      p: 5,
      y: 1.5,
      e: 6,
      by: 'raw',
      iv: '2 days',
    });
  });

  test.each([
    ['c', 'green', 'invalid_arguments'],
    ['n', 'one', 'invalid_arguments'],
    ['a', [1, 'x'], 'invalid_arguments'],
    ['u', 'no uuid', 'invalid_arguments'],
    ['d', '2024-02-30', 'invalid_arguments'],
    ['e', 3, 'tool_failed'],
    ['n', 4_294_967_296, 'tool_failed'],
    ['p', { x: 'east' }, 'tool_failed'],
  ])('that do not fit are reported to the model: %s = %j', async (name, value, code) => {
    const { error } = JSON.parse(await resultOf('all_kinds', { ...KINDS, [name]: value } as Json));
    expect(error.code).toBe(code);
  });

  test('may be left out when optional', async () => {
    expect(await resultOf('optional', { a: 'A' })).toBe('AB7');
    expect(await resultOf('optional', { a: 'A', c: 8 })).toBe('AB8');
    expect(await resultOf('optional', { a: 'A', b: 'x' })).toBe('Ax7');
  });

  test.each([
    `'; drop table howdah.steps; --`,
    `$1 $$ \\' E'\\x' %s {} :name ?`,
    '"quoted" \n \t \u0001 🐘 \u202e',
  ])('are never executed as SQL: %j', async (text) => {
    expect(await resultOf('same', { text })).toBe(text);
  });

  test('may have names that look like SQL', async () => {
    const args = { 'a); drop table howdah.steps; --': '1', 'b"c': '2', 'Ü 🐘': '3', select: '4' };
    expect(await result('drop_nothing', args)).toEqual(['1', '2', '3', '4']);
  });

  test('named like built-in object properties are passed only when present', async () => {
    expect(await resultOf('inherited', { a: 'a' })).toBe('aunsetunset');
  });

  test('named like an identifier of the statement do not replace the result', async () => {
    expect(await resultOf('r', { r: 'x' })).toBe('result of x');
    expect(await result('record', { r: 'x' })).toEqual([
      { r: 'first', a: 1, value: 'v' },
      { r: 'second', a: 2, value: null },
    ]);
  });

  test('too large for a JavaScript number are exact, also as a text', async () => {
    for (const n of ['9007199254740993', '"9007199254740993"']) {
      expect(await resultOf('takes_large', `{"n": ${n}}`)).toBe('9007199254740993');
    }
  });

  test.each(['9007199254740993.0', '90071992547409930e-1', '9.007199254740993E15'])(
    'whole, however spelled: %s',
    async (n) => {
      expect(await resultOf('takes_large', `{"n": ${n}}`)).toBe('9007199254740993');
    },
  );

  test('with a fraction are no integers, also as a text', async () => {
    for (const n of ['9007199254740993.5', '"1.5"']) {
      expect(await resultOf('takes_large', `{"n": ${n}}`)).toMatch(/invalid_arguments|tool_failed/);
    }
  });

  test('that an amount of money would round are refused', async () => {
    expect(await resultOf('takes_money', '{"m": 12345678901234.56}')).toBe('12345678901234.56');
    for (const m of ['1.005', '12345678901234.567']) {
      const { error } = JSON.parse(await resultOf('takes_money', `{"m": ${m}}`));
      expect(error).toMatchObject({
        code: 'invalid_arguments',
        message: expect.stringMatching(/^m has a number/),
      });
    }
  });

  test.each([
    ['n', '9007199254740993'],
    ['n', '"9007199254740993"'],
    ['n', '-1234567890123456789012345678901234567890'],
    ['n', '0.10000000000000000001'],
    ['n', '4e-324'],
    ['r', '16777217'],
    ['r', '0.123456789'],
    ['a', '[1, 9007199254740993]'],
    ['w', '9007199254740993'],
    ['p', '{"at": 9007199254740993, "label": "x"}'],
  ])('that a double would round are refused: %s = %s', async (name, value) => {
    const { error } = JSON.parse(await resultOf('floats', `{"${name}": ${value}}`));
    expect(error.code).toBe('invalid_arguments');
    expect(error.message).toContain(name);
  });

  test.each([
    ['n', '0.1', '0.1 0 {} 0'],
    ['n', '1.50', '1.5 0 {} 0'],
    ['n', '1e2', '100 0 {} 0'],
    ['n', '9007199254740992', '9.007199254740992e+15 0 {} 0'],
    ['n', '1e22', '1e+22 0 {} 0'],
    ['r', '0.1', '0 0.1 {} 0'],
    ['r', '16777216', '0 1.6777216e+07 {} 0'],
    ['a', '[0.1, 2.50]', '0 0 {0.1,2.5} 0'],
    ['w', '2.50', '0 0 {} 2.5'],
    ['p', '{"at": 0.1, "label": "x"}', '0 0 {} 0 (0.1,x)'],
  ])('that a double holds are taken, however spelled: %s = %s', async (name, value, text) => {
    expect(await resultOf('floats', `{"${name}": ${value}}`)).toBe(text);
  });
});

describe('results', () => {
  test.each<[string, Json, Json]>([
    ['nothing', {}, null],
    ['no_row', {}, []],
    ['rows', {}, [1, 2, 3]],
    ['null_text', {}, null],
    ['one_point', {}, { x: 1, 'y "axis': 2.5 }],
    ['out_args', { a: 1 }, { b: 2, c: 'c' }],
    ['one_out', { a: 1 }, 2],
    ['table_of_one', {}, [7]],
    ['not_a_number', {}, 'NaN'],
  ])('%s is converted to JSON', async (name, args, value) => {
    const text = await resultOf(name, args);
    expect(text).toBe(typeof value === 'string' ? value : JSON.stringify(value));
  });

  test('too exact for a JavaScript number are returned as text, never rounded', async () => {
    expect(await resultOf('large')).toBe('9007199254740993');
    expect(await resultOf('exact')).toBe('0.10000000000000000001');
  });
});
