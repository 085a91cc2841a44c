import type { PoolClient } from './pool.ts';

/** What runs statements in the transaction of a request. */
export type Client = Pick<PoolClient, 'query'>;

/**
 * The rows of a statement as Postgres writes them as JSON: numbers are numbers, times are ISO 8601, and no column has to be
 * known twice. The statement may change rows and give them back.
 */
export async function jsonRows<T>(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<T[]> {
  const { rows } = await client.query<{ row: string }>(
    `with rows as (${text}) select to_json(r)::text as row from rows as r`,
    [...values],
  );
  return rows.map(({ row }) => JSON.parse(row) as T);
}

/** A page of rows. `isCut` means that more rows were read than fit. */
export type JsonPage<T> = { rows: T[]; isCut: boolean };

/** Bytes of JSON after which a page ends. */
export const PAGE_BYTES = 1_000_000;

/**
 * Reads rows as `jsonRows` does, up to one megabyte, since a limit on rows does not limit their
 * size. The row that reaches the limit is whole and the last one, so a page has at least one row.
 */
export async function jsonPage<T>(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<JsonPage<T>> {
  const { rows } = await client.query<{ row: string | null }>(
    `with rows as (${text}),
     texts as (select to_json(r)::text as row from rows as r)
     select case
       when sum(octet_length(t.row)) over (rows between unbounded preceding and 1 preceding) >= ${PAGE_BYTES} then null
       else t.row
     end as row
     from texts as t`,
    [...values],
  );
  const whole = rows.flatMap(({ row }) => (row === null ? [] : [JSON.parse(row) as T]));
  return { rows: whole, isCut: whole.length < rows.length };
}

/** The first of them. */
export async function jsonRow<T>(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<T | undefined> {
  return (await jsonRows<T>(client, text, values))[0];
}
