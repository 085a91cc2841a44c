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

/** The first of them. */
export async function jsonRow<T>(
  client: Client,
  text: string,
  values: readonly unknown[] = [],
): Promise<T | undefined> {
  return (await jsonRows<T>(client, text, values))[0];
}
