import { describe, expect, test } from 'vitest';
import { createPool } from '../../../src/db/connection/pool.ts';
import { createQueryPool } from '../../../src/db/sql-tools/query-pool.ts';
import { makeTenant } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

// Queries that make long values of short ones. The limits of rows and bytes are those of a map.

const database = testDatabase();

async function ask(query: string) {
  const pool = createPool({
    ...{ url: database.url, applicationName: 'howdah-queries', role: 'howdah_worker', max: 1 },
  });
  try {
    const tenantId = await makeTenant(database.pool);
    return await createQueryPool(pool, 1).rows({
      ...{ boundTo: { tenantId }, query, schemas: ['public'] },
      limits: { rows: 10_000, bytes: 16 * 2 ** 20, cost: 1e12, timeoutMs: 60_000 },
      signal: new AbortController().signal,
    });
  } finally {
    await pool.end();
  }
}

const BIG = '1000000000';

describe('a value that is too long is refused before it is made', () => {
  test.each([
    `select repeat('x', ${BIG}) as x`,
    `select repeat(s, 2000) from (select repeat('x', 1000) as s) as t`,
    `select lpad('x', ${BIG})`,
    `select rpad('x', ${BIG}, 'yz')`,
    `select replace(repeat('x', 2000), 'x', repeat('y', 2000))`,
    `select regexp_replace(repeat('x', 2000), 'x', repeat('y', 2000), 'g')`,
    `select regexp_replace(repeat('x', 500000), '.*', '\\&\\&\\&\\&')`,
    `select array_fill('x'::text, array[30000, 30000])`,
    `select array_to_string(array_fill(1, array[2000]), repeat('y', 2000))`,
    `select string_agg(repeat('x', 100000), '') from generate_series(1, 1000)`,
    `select string_agg(repeat('x', 100000)::bytea, '') from generate_series(1, 1000)`,
    `select json_agg(repeat('x', 100000)) from generate_series(1, 1000)`,
    `select jsonb_agg(repeat('x', 100000)) from generate_series(1, 1000)`,
    `select array_agg(repeat('x', 100000)) from generate_series(1, 1000)`,
    `select array_agg(i) from generate_series(1, 20000) as i`,
    `select array_agg(array[repeat('x', 100000)]) from generate_series(1, 1000)`,
    `with recursive t (n, s) as (
       select 1, 'x' union all select t.n + 1, t.s || repeat('y', 100000) from t where t.n < 30
     ) select s from t`,
  ])('%s', async (query) => {
    expect(await ask(query)).toMatchObject({
      ok: false,
      error: { retryable: false, cause: { sqlstate: 'HWINV' } },
    });
  });
});

describe('a query that could multiply its values is refused by its text', () => {
  test.each([
    `with recursive t (n, s) as (select 1, 'x' union all select n + 1, s || s from t where n < 30) select s from t`,
    `with recursive t (n, s) as (select 1, 'x' union all select n + 1, concat(s, s) from t where n < 30) select s from t`,
    `with recursive t (a, b) as (select 'x', 'y' union all select c, c from (select concat(a, b) as c from t) as u) select a from t`,
    `select concat(${Array(9).fill('s').join(', ')}) from (select concat(${Array(9).fill('t').join(', ')}) as s from (select 'x' as t) as u) as v`,
    `select ${'quote_literal('.repeat(8)}x${')'.repeat(8)} from (select '''' as x) as t`,
    `select x${'::text::bytea'.repeat(8)} from (select 'x' as x) as t`,
    `select jsonb_pretty('[[[]]]')`,
    `select xmlagg(xml('<a/>')) from generate_series(1, 10)`,
    `select json_object_agg(i, i) from generate_series(1, 10) as i`,
    `select json_objectagg(i : i) from generate_series(1, 10) as i`,
    `select json_arrayagg(i) from generate_series(1, 10) as i`,
    `select array(select i from generate_series(1, 10) as i)`,
    `select format('%1000000s', 'x')`,
    `select format(s, 'x') from (select 'y' as s) as t`,
    `select concat_ws(s, 1, 2) from (select 'y' as s) as t`,
    `select 'x'::char(10000000)`,
    `select pg_catalog.repeat('x', ${BIG})`,
    `select 'x' operator(pg_catalog.||) 'y'`,
    `select textcat('x', 'y')`,
    `select pg_catalog.string_agg('x', '') from generate_series(1, 10)`,
    `select array_replace(array[1], 1, 2)`,
    `select jsonb_path_query_array('[[1]]', '$.**')`,
  ])('%s', async (query) => {
    expect(await ask(query)).toMatchObject({ ok: false, error: { code: 'invalid_arguments' } });
  });
});

test('a row that is too large is not made JSON', async () => {
  const wide = `select ${Array.from({ length: 40 }, (_, i) => `repeat(md5(i::text), 30000) as c${i}`).join(', ')} from generate_series(1, 2) as i`;
  expect(await ask(wide)).toMatchObject({ ok: true, value: { rows: [], cut_by: 'bytes' } });
});

test('the bounded functions return what those of PostgreSQL return', async () => {
  const query = `select repeat('x', 3) as a, lpad('5', 3, '0') as b, rpad('5', 3) || '.' as c, lpad('5', 2) as d,
    replace('aXbX', 'X', '--') as e, regexp_replace('abcb', 'b', '[\\&]') as f, regexp_replace('abcb', 'B', '', 'gi') as g,
    array_fill(7, array[2]) as h, array_to_string(array[1, null, 2], ',', '*') as i, array_to_string(array[1, 2], '/') as j,
    1 || 'a' as k, array[1] || 2 as l, 3 || array[1] as m, array[1] || array[2] as n, '{"a": 1}'::jsonb || '{"b": 2}' as o,
    'x' || null as p, (select string_agg(v, ', ' order by v desc) from unnest(array['a', 'b', null]) as v) as q,
    (select array_agg(v) from generate_series(1, 3) as v) as r, (select array_agg(array[v, v]) from generate_series(1, 2) as v) as s,
    (select json_agg(v) from (values (1, 'a'), (2, null)) as v (x, y)) as t, (select jsonb_agg(distinct v) from unnest(array[2, 1, 2]) as v) as u,
    (select json_agg(v) from unnest('{}'::int[]) as v) as v, (select string_agg(v, '') filter (where v > 'a') over () from unnest(array['a', 'b']) as v limit 1) as w`;
  const found = await ask(query);
  const { rows } = await database.pool.query(query);
  expect(found).toMatchObject({ ok: true, value: { rows: JSON.parse(JSON.stringify(rows)) } });
});
