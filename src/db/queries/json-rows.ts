import { parseJson } from '../../json/parse-json.ts';
import type { Queryable } from '../connection/pool.ts';

/**
 * Reads the rows of a statement as Postgres writes them as JSON. Numbers are numbers, times are ISO
 * 8601, and no column has to be declared twice. The statement may change rows and return them.
 */
export async function jsonRows<T>(
  client: Queryable,
  text: string,
  values: readonly unknown[] = [],
): Promise<T[]> {
  const { rows } = await client.query<{ row: string }>(
    `with rows as (${text}) select to_json(r)::text as row from rows as r`,
    [...values],
  );
  return rows.map(({ row }) => parseJson(row) as T);
}

/** A page of rows. `isCut` means that more rows were read than fit. */
export type JsonPage<T> = { rows: T[]; isCut: boolean };

/** The number of bytes of JSON after which a page ends. */
export const PAGE_BYTES = 1_000_000;

/** The number of rows of the first fetch, and the factor by which each fetch grows. */
const FIRST_FETCH = 10;
const GROWTH = 10;

/**
 * Reads rows as `jsonRows` does, up to one megabyte, since a limit on rows does not limit their
 * size. The row that reaches the limit is whole and the last one, so a page has at least one row.
 * A cursor fetches a few rows at first, so that the server reads few rows beyond the page. Runs in
 * a transaction, whose end closes the cursor.
 */
export async function jsonPage<T>(
  client: Queryable,
  text: string,
  values: readonly unknown[] = [],
): Promise<JsonPage<T>> {
  cursors += 1;
  const cursor = `json_page_${cursors}`;
  await client.query(
    `declare ${cursor} no scroll cursor for with rows as (${text}),
     texts as (select to_json(r)::text as row from rows as r)
     select case
       when sum(octet_length(t.row)) over (rows between unbounded preceding and 1 preceding) >= ${PAGE_BYTES} then null
       else t.row
     end as row
     from texts as t`,
    [...values],
  );
  const texts: string[] = [];
  let bytes = 0;
  for (let count = FIRST_FETCH; ; count = bytes < PAGE_BYTES ? count * GROWTH : 1) {
    const { rows } = await client.query<{ row: string | null }>(`fetch ${count} from ${cursor}`);
    const before = texts.length;
    for (const { row } of rows) {
      // contents may be larger here than in the database, which has them compressed
      if (row === null || bytes >= PAGE_BYTES) break;
      texts.push(row);
      bytes += Buffer.byteLength(row);
    }
    const isCut = texts.length - before < rows.length;
    if (isCut || rows.length < count) {
      return { rows: texts.map((row) => parseJson(row) as T), isCut };
    }
  }
}

/** A counter for the names of cursors, which must differ within a transaction. */
let cursors = 0;

/** Reads the first row of a statement, as `jsonRows` does. */
export async function jsonRow<T>(
  client: Queryable,
  text: string,
  values: readonly unknown[] = [],
): Promise<T | undefined> {
  return (await jsonRows<T>(client, text, values))[0];
}
