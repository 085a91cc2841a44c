import { KeyedSemaphore } from '../../concurrency/keyed-semaphore.ts';
import type { ReadableTable, ReadRequest, Rows } from '../../contracts/bounded-read.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { breakConnection } from '../connection/cancel-statement.ts';
import type { Client, Pool } from '../connection/pool.ts';
import { describeTables } from '../query-analysis/describe-tables.ts';
import { parseQuery, type ReadQuery } from '../query-analysis/parse.ts';
import type { RowsRequest } from '../sql-tools/bounded-read.ts';
import { connectExternal, type FindAddresses } from './connect.ts';
import { parseDatabaseUrl } from './database-url.ts';
import { type ReadingRules, readExternal } from './read.ts';

/** The queries of a tool in another database. */
export type ExternalReader = {
  rows(request: RowsRequest): Promise<Outcome<Rows>>;
  tables(request: ReadRequest, names: readonly string[]): Promise<Outcome<ReadableTable[]>>;
};

/** Maximum number of connections of this process to one database. */
const AT_ONCE = 2;

/**
 * Creates readers of databases that are not ours: `readers(url, 'warehouse')`. The second argument
 * is the name of the secret that contains the URL. Each query has its own connection, which is
 * closed afterwards, because nothing in the other database cleans up a session. `pool` belongs to
 * our own database, which provides the rules.
 */
export function createExternalReader(pool: Pool, find: FindAddresses) {
  const semaphore = new KeyedSemaphore(AT_ONCE);
  return (url: string, secret: string): ExternalReader => {
    const read = async (request: RowsRequest, parsed: ReadQuery): Promise<Outcome<Rows>> => {
      const place = parseDatabaseUrl(url);
      if (typeof place === 'string') {
        const message = `the secret ${secret} does not contain a valid database URL: ${place}`;
        return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
      }
      const { limits, signal } = request;
      const release = await semaphore.acquire(url);
      try {
        const rules = await rulesOn(pool);
        const client = await connectExternal(place, secret, limits.timeoutMs, find, signal);
        return client.ok
          ? await closing(client.value, signal, () =>
              readExternal(client.value, request, parsed, secret, rules),
            )
          : client;
      } finally {
        release();
      }
    };
    return {
      rows: async (request) => {
        const parsed = await parseQuery(request.query, request.schemas);
        return parsed.ok ? read(request, parsed.value) : parsed;
      },
      tables: (request, names) => describeTables(read, request, names),
    };
  };
}

async function rulesOn(pool: Pool): Promise<ReadingRules> {
  const { rows } = await pool.query<ReadingRules>('select * from howdah_private.reading_rules()');
  return rows[0] as ReadingRules;
}

/**
 * Ends the connection after the work. Destroys the connection when the signal fires, because nobody
 * waits any more.
 */
async function closing<T>(client: Client, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const abort = (): void => breakConnection(client);
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await work();
  } finally {
    signal.removeEventListener('abort', abort);
    await client.end().catch(() => {});
  }
}
