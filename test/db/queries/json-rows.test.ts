import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type JsonPage, jsonPage, PAGE_BYTES } from '../../../src/db/queries/json-rows.ts';
import { createEmptyDatabase, type TestDatabase } from '../../support/database.ts';

let database: TestDatabase;
let client: pg.PoolClient;
beforeAll(async () => {
  database = await createEmptyDatabase();
  client = await database.pool.connect();
});
beforeEach(() => client.query('drop sequence if exists reads; create sequence reads'));
afterAll(async () => {
  client?.release();
  await database?.drop();
});

/**
 * Reads a page of 1,000 rows. Returns the page and the number of rows that the server has computed.
 */
async function read(text: string): Promise<JsonPage<{ n: number }> & { reads: number }> {
  await client.query('begin');
  const page = await jsonPage<{ n: number }>(
    client,
    `select n::int, nextval('reads') as read, ${text} as text from generate_series($1::int, 1000) as n`,
    [1],
  );
  await client.query('commit');
  const { rows } = await client.query<{ last_value: string }>('select last_value from reads');
  return { ...page, reads: Number(rows[0]?.last_value) };
}

describe('a page ends once its rows reach a megabyte', () => {
  test.each([
    ['large rows', `repeat('x', ${PAGE_BYTES})`, 1, 10],
    ['rows of a third of the limit', `repeat('x', ${Math.ceil(PAGE_BYTES / 3)})`, 3, 10],
    ['a large row after small rows', `repeat('x', case n when 50 then ${PAGE_BYTES} end)`, 50, 110],
    [
      'a large row at the end of a fetch',
      `repeat('x', case n when 10 then ${PAGE_BYTES} end)`,
      10,
      12,
    ],
  ])('%s: ends the page and reads few further rows', async (_what, text, count, most) => {
    const { rows, isCut, reads } = await read(text);
    expect(isCut).toBe(true);
    expect(rows.map(({ n }) => n)).toEqual(Array.from({ length: count }, (_, index) => index + 1));
    expect(reads).toBeLessThanOrEqual(most);
  });

  test.each([
    ['small rows', `'x'`],
    ['a large row at the very end', `repeat('x', case n when 1000 then ${PAGE_BYTES} end)`],
  ])('%s: all rows fit on the page', async (_what, text) => {
    const { rows, isCut, reads } = await read(text);
    expect({ length: rows.length, isCut, reads }).toEqual({
      length: 1000,
      isCut: false,
      reads: 1000,
    });
  });

  test('reads several pages in one transaction', async () => {
    await client.query('begin');
    for (const n of [1, 2]) {
      const { rows } = await jsonPage(client, 'select $1::int as n', [n]);
      expect(rows).toEqual([{ n }]);
    }
    await client.query('commit');
  });
});
