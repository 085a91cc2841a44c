import { describe, expect, test } from 'vitest';
import { createPool } from '../../../src/db/connection/pool.ts';
import { createQueryPool } from '../../../src/db/sql-tools/query-pool.ts';
import { makeTenant } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

// PostgreSQL does not interrupt a function that does not look for it, so a query may call only
// functions that end in a short time. The limits of rows and bytes are those of a map.

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

const LONG = `repeat('a', 500000)`;
const ROWS = `(select array_agg(i) from generate_series(1, 10000) as i)`;

describe('a function that could run without an end is refused before it runs', () => {
  test.each([
    `select translate(${LONG}, ${LONG} || 'b', 'y')`,
    `select ltrim(${LONG} || 'b', ${LONG} || 'b')`,
    `select rtrim(${LONG}, ${LONG})`,
    `select btrim(${LONG}::bytea, ${LONG}::bytea)`,
    `select trim(both ${LONG} from ${LONG})`,
    `select normalize('e' || repeat(U&'\\0301\\0316', 150000), nfc)`,
    `select ('e' || repeat(U&'\\0301\\0316', 150000)) is normalized`,
    `select (s.t).normalize from (select ${LONG} as t) as s`,
    `select replace(${LONG}, 'b' || ${LONG}, '')`,
    `select strpos(${LONG}, 'b' || ${LONG})`,
    `select position('b' || ${LONG} in ${LONG})`,
    `select split_part(${LONG}, 'b' || ${LONG}, 1)`,
    `select string_to_array(${LONG}, 'b' || ${LONG})`,
    `select string_to_table(${LONG}, 'b' || ${LONG})`,
    `select ${LONG} like '%' || ${LONG} || 'b'`,
    `select ${LONG} not ilike left(${LONG}, -1)`,
    `select ${LONG} like any (string_to_array(${LONG}, ','))`,
    `select ${LONG} ~~ substr(${LONG}, 1)`,
    `select textlike(${LONG}, ${LONG})`,
    `select string_to_array(repeat('1,', 500000), ',') <@ string_to_array(repeat('2,', 500000), ',')`,
    `select a @> b from (select ${ROWS} as a, ${ROWS} as b) as t`,
    `select a && b from (select ${ROWS} as a, ${ROWS} as b) as t`,
    `select to_jsonb(a) ?| b from (select ${ROWS} as a, ${ROWS}::text[] as b) as t`,
    `select to_jsonb(a) @> to_jsonb(b) from (select ${ROWS} as a, ${ROWS} as b) as t`,
    `select arraycontained(${ROWS}, ${ROWS})`,
    `select polygon(20000, '<(0,0),1>'::circle)::path <-> polygon(20000, '<(0,0),1>'::circle)::path`,
    `select (repeat('(0,0),', 10000) || '(1,1)')::polygon`,
    `select * from jsonb_to_record(to_jsonb(${LONG})) as t (a polygon)`,
    `select xpath_exists('//*[count(//*)>1]', '<a/>')`,
    `select ('<a ' || ${LONG} || '/>')::xml`,
    `select range_agg(int4range(i, i + 1)) from generate_series(1, 10) as i`,
    `select plainto_tsquery(${LONG})`,
    `select (${LONG})::tsquery`,
    `select jsonb_path_exists(to_jsonb(${ROWS}), '$[*] ? (@ == $[*])')`,
    `select jsonb_path_exists(to_jsonb(${ROWS}), '$[*] /* " */ == $[*] /* " */')`,
    `select to_jsonb(${ROWS}) @@ '$ == $'`,
    `select to_jsonb(${ROWS}) @@ ('$ == ' || '$')::jsonpath`,
    `select json_exists(to_jsonb(${ROWS}), '$ ? (@[*] == @[*])')`,
    `select * from json_table(to_jsonb(${ROWS}), '$[*]' columns (a int path '$ ? (@ == $)')) as t`,
    `select cash_words('1')`,
    `select point '(0,0)' ## lseg '((0,0),(1,1))'`,
  ])('%s', async (query) => {
    expect(await ask(query)).toMatchObject({ ok: false, error: { code: 'invalid_arguments' } });
  });
});

test.each([
  `select to_jsonb(a) - b from (select ${ROWS} as a, ${ROWS}::text[] as b) as t`,
  `with recursive q (n, q) as (
     select 1, 'a'::tsquery union all select n + 1, q && 'b'::tsquery from q where n < 1000
   ) select count(numnode(q)) from q`,
  `with recursive p (n, p) as (
     select 1, '((0,0),(1,1))'::path union all select n + 1, p + p from p where n < 30
   ) select count(p) from p`,
])('%s is refused as soon as a value is too long', async (query) => {
  expect(await ask(query)).toMatchObject({ ok: false, error: { cause: { sqlstate: 'HWINV' } } });
});

test('short arguments are allowed wherever the text of the query shows that they are', async () => {
  const query = `select translate(t, 'aé', 'bc') as a, trim(both ' x' from t) as b, replace(t, 'a', '') as c,
    t like '%' || left(p, 100) || '%' as d, t ilike any (array['x%', lower('Y%')]) as e, split_part(t, ',', 1) as f,
    position(lower(left(p, 10)) in t) as g, array[1, 2] <@ array[n, 2] as h, l && array[1] as i,
    j @> '{"a": 1}' as j, j ?| array['a', 'b'] as k, j @? '$.a ? (@ > 1 || @.b == "x<y")' as l,
    jsonb_path_query_first(j, 'strict $.a ? (1 <= @)') as m, json_value(j, '$.a') as n,
    r && int4range(n, n + 1) as o, r && r::int4range as p, normalize(left(t, 100), nfc) as q,
    to_tsvector('simple', t) @@ websearch_to_tsquery('simple', 'cat -dog') as r,
    ts_rank(to_tsvector('simple', t), to_tsquery('simple', 'a' || ' & b')) > 0 as s, t ~ p as t,
    j - 'a' as u, j - array['a'] as v, point '(0,0)' <-> point '(3,4)' as w, polygon '((0,0),(1,1))' @> point '(0,0)' as x,
    ('a'::tsquery && 'b') <-> 'c' as y, (x).path as z
  from (values ('a,b', 'A', 1, array[1], '{"a": 2}'::jsonb, int4range(1, 5))) as v (t, p, n, l, j, r),
    (select 'f' as path) as x`;
  const found = await ask(query);
  const { rows } = await database.pool.query(query);
  expect(found).not.toHaveProperty('error');
  expect(found).toMatchObject({ ok: true, value: { rows: JSON.parse(JSON.stringify(rows)) } });
});
