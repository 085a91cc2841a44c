import type pg from 'pg';

/**
 * Decrypts contents of runs in a value. Contents stay encrypted unless `mayDecrypt` returns their
 * run.
 */
export type DecryptRows = <T>(
  value: T,
  mayDecrypt: (executionIds: string[]) => Promise<ReadonlySet<string>>,
) => Promise<T>;

/**
 * Decrypts contents in rows that belong to runs, for reads that serve several callers. A row shows
 * only contents that its own run may read, so rows of other runs are never decrypted by it.
 */
export type DecryptRunRows = <Row>(
  rows: readonly Row[],
  runOf: (row: Row) => string,
) => Promise<Row[]>;

/**
 * Returns the runs that the connection may see. An owner sees all, unless it acts for a tenant in
 * the transaction.
 */
const VISIBLE = `select e.id from howdah.executions as e where e.id = any ($1::uuid[])
  and coalesce(current_setting('howdah.tenant_id', true), '') in ('', e.tenant_id::text)`;

type Query = (...args: unknown[]) => unknown;

/**
 * Decrypts contents of runs in the results of every statement of a pool. Contents of a run are
 * decrypted only if the connection may see the run at that moment, with the role and the tenant of
 * its transaction. A result without encrypted contents costs no statement. Call it before the first
 * connection is opened.
 *
 * `decrypt` must not use this pool, whose connections may all wait for it.
 */
export function decryptResults(pool: pg.Pool, decrypt: DecryptRows): void {
  pool.on('connect', (client) => decryptResultsOf(client, decrypt));
}

/** Returns a function that returns those of the runs that a connection may see at that moment. */
export function visibleRunsOn(client: Pick<pg.PoolClient, 'query'>) {
  return async (executionIds: string[]): Promise<ReadonlySet<string>> => {
    const { rows } = await client.query<{ id: string }>(VISIBLE, [executionIds]);
    return new Set(rows.map(({ id }) => id));
  };
}

/**
 * Decrypts contents of runs in the results of one connection, until the returned function is
 * called.
 */
export function decryptResultsOf(client: pg.PoolClient, decrypt: DecryptRows): () => void {
  const before = client.query;
  const query = before.bind(client) as Query;
  const visibleRuns = visibleRunsOn({ query: query as pg.PoolClient['query'] });
  const open = async (result: unknown): Promise<unknown> => {
    for (const one of Array.isArray(result) ? result : [result]) {
      if (one?.rows?.length > 0) one.rows = await decrypt(one.rows, visibleRuns);
    }
    return result;
  };
  const decryptingQuery: Query = (...args) => {
    const result = query(...args);
    return result instanceof Promise ? result.then(open) : result; // a cursor returns itself
  };
  client.query = decryptingQuery as pg.PoolClient['query'];
  return () => {
    client.query = before;
  };
}
