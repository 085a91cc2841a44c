import pg from 'pg';
import { withoutZeros } from '../../json/exact-number.ts';
import { parseJson } from '../../json/parse-json.ts';
import { breakConnection, giveUpStatement } from './cancel-statement.ts';
import { type DecryptRows, decryptResults } from './decrypt-results.ts';
import { isAnswerTimeout } from './sqlstate.ts';
import { useTransactionPooling } from './transaction-pooling.ts';

export type Pool = pg.Pool;
export type Client = pg.Client;
export type PoolClient = pg.PoolClient;
export type Notification = pg.Notification;
/** A pool or connection for single statements. */
export type Queryable = Pick<pg.PoolClient, 'query'>;
/** A source of connections, such as a pool. */
export type Connector = { connect(): Promise<PoolClient> };

/**
 * The roles that a connection may take. Without a role, the connection remains the login itself (an
 * owner).
 */
export type DatabaseRole = 'howdah_worker' | 'howdah_app' | 'howdah_authenticator';

export type ConnectionOptions = {
  url: string;
  /** Shown in pg_stat_activity: `howdah-api`, `howdah-worker`, … */
  applicationName: string;
  role?: DatabaseRole;
  max?: number;
  /**
   * True to return bigint and numeric values as numbers, if a number represents all their digits,
   * else as text. The types of rows declare text for both, so readers of these values call
   * `Number()`.
   */
  numbers?: boolean;
  /** The settings at the start of each session, such as `{ synchronous_commit: 'off' }`. */
  settings?: Readonly<Record<string, string>>;
  /**
   * True if the URL is that of a pooler that assigns a connection to each transaction. No session
   * state is kept between transactions. Each transaction sets role and settings at its start. A
   * single statement that needs them runs in a transaction of its own.
   */
  isPooled?: boolean | undefined;
  /**
   * The time limit for the answer to a statement, in milliseconds. After that time the connection
   * counts as lost: the statement fails, and the connection is discarded.
   */
  answerWithinMs?: number | undefined;
  /** Decrypts contents of runs in results, of the runs that the connection may see. */
  decrypt?: DecryptRows | undefined;
};

/**
 * Settings for connections whose transactions hold rows that others wait for. The server ends such
 * a connection if its client is frozen, or has disappeared without closing it.
 */
export const SERVER_TIMEOUTS = {
  idle_in_transaction_session_timeout: '10s',
  tcp_keepalives_idle: '5',
  tcp_keepalives_interval: '2',
  tcp_keepalives_count: '3',
  tcp_user_timeout: '10000',
} as const;

function configOf(options: ConnectionOptions): pg.ClientConfig {
  const settings = Object.entries(options.isPooled ? {} : settingsOf(options));
  const flags = settings.map(([name, value]) => `-c ${name}=${value}`);
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...(options.answerWithinMs ? { query_timeout: options.answerWithinMs } : {}),
    types: { getTypeParser: options.numbers ? numbersParser : exactParser },
    ...(flags.length > 0 ? { options: flags.join(' ') } : {}),
  };
}

function settingsOf({ role, settings }: ConnectionOptions): Record<string, string> {
  return { ...(role ? { role } : {}), ...settings };
}

const { INT8, NUMERIC, JSON: JSON_OID, JSONB } = pg.types.builtins;
/** Types of arrays, which `pg` has no names for: `json[]`, `jsonb[]`, `numeric[]` and `text[]`. */
const JSON_ARRAYS: readonly number[] = [199, 3807];
const NUMERIC_ARRAY = 1231;
const TEXT_ARRAY = 1009;
/** The number of decimal digits that a double preserves in both directions. */
const EXACT_DIGITS = 15;

type GetTypeParser = typeof pg.types.getTypeParser;

/** Parses JSON with all digits of its numbers, and other types as `pg` does. */
const exactParser: GetTypeParser = (oid, format) => {
  if (format === 'binary') return pg.types.getTypeParser(oid, format);
  if (oid === JSON_OID || oid === JSONB) return parseJson;
  if (JSON_ARRAYS.includes(oid)) return parseJsonArray;
  if (Number(oid) === NUMERIC_ARRAY) return parseTextArray;
  return pg.types.getTypeParser(oid, format);
};

const numbersParser: GetTypeParser = (oid, format) =>
  format !== 'binary' && (oid === INT8 || oid === NUMERIC) ? exactNumber : exactParser(oid, format);

const parseTextArray = pg.types.getTypeParser(TEXT_ARRAY as number) as (
  array: string,
) => (string | null)[];

function parseJsonArray(array: string): unknown[] {
  return parseTextArray(array).map((text) => (text === null ? null : parseJson(text)));
}

function exactNumber(text: string): number | string {
  const number = Number(text);
  if (Number.isInteger(number)) return Number.isSafeInteger(number) ? number : text;
  const digits = withoutZeros(text.replace(/[-.]/g, ''));
  return Number.isFinite(number) && digits.length <= EXACT_DIGITS ? number : text;
}

/**
 * Creates a pool. An idle connection may break without ending the process: the next query reports
 * the loss.
 */
export function createPool(options: ConnectionOptions): Pool {
  const pool = new pg.Pool({ ...configOf(options), max: options.max ?? 4 });
  const clients = new Set<PoolClient>();
  connected.set(pool, clients);
  pool.on('error', ignore);
  pool.on('connect', (client) => {
    clients.add(client);
    client.on('error', ignore);
  });
  pool.on('remove', (client) => clients.delete(client));
  const adapted = options.isPooled
    ? adaptToPooler(pool, settingsOf(options))
    : keepConnectionsOnRejection(pool);
  if (options.decrypt) decryptResults(adapted, options.decrypt);
  return adapted;
}

/**
 * Adapts a pool to a pooler. A statement outside of a transaction runs in a transaction of its own,
 * if there are settings to set.
 */
function adaptToPooler(pool: Pool, settings: Readonly<Record<string, string>>): Pool {
  pool.on('connect', (client) => useTransactionPooling(client, settings));
  if (Object.keys(settings).length === 0) return keepConnectionsOnRejection(pool);
  const query = (...args: Parameters<Client['query']>) =>
    inTransaction(pool, async (client) => client.query(...args));
  return Object.assign(pool, { query });
}

/**
 * Makes `pool.query` keep its connection when Postgres refuses the statement. The pool of `pg`
 * closes it then, and the next statement waits for a new one, which reads the catalog and plans
 * everything anew.
 */
export function keepConnectionsOnRejection(pool: Pool): Pool {
  const query = async (...args: Parameters<Client['query']>) => {
    const client = await pool.connect();
    let isUsable = false;
    try {
      const result = await client.query(...args);
      isUsable = true;
      return result;
    } catch (error) {
      isUsable = error instanceof pg.DatabaseError && error.severity === 'ERROR';
      if (isAnswerTimeout(error)) await giveUpStatement(client);
      throw error;
    } finally {
      client.release(!isUsable);
    }
  };
  return Object.assign(pool, { query });
}

const connected = new WeakMap<Pool, Set<PoolClient>>();

/**
 * Breaks all open connections of the pool. Callers that wait for an answer get an error at once.
 */
export function breakConnections(pool: Pool): void {
  for (const client of connected.get(pool) ?? []) breakConnection(client);
}

/**
 * Returns a connection for what needs a session: LISTEN, advisory locks. When the connection breaks
 * between two queries, the process goes on and the next query reports the loss.
 */
export function createClient(options: ConnectionOptions): Client {
  const client = new pg.Client(configOf(options));
  client.on('error', ignore);
  return client;
}

/** Runs `work` on a connection of its own, which is closed afterwards. */
export async function onConnection<T>(
  options: ConnectionOptions,
  work: (client: Client) => Promise<T>,
): Promise<T> {
  const client = createClient(options);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(ignore);
  }
}

/**
 * Runs `work` in one transaction of one connection. Rolls back and rethrows if the transaction
 * fails. `cleanUp` runs afterwards in every case, before another caller gets the connection. With a
 * rollback it is sent in one message, for which a pooler keeps the session.
 */
export async function inTransaction<T>(
  pool: Connector,
  work: (client: PoolClient) => Promise<T>,
  cleanUp = '',
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  let isClean = cleanUp === '';
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    if (isAnswerTimeout(error)) {
      await giveUpStatement(client); // a rollback would wait for the statement
      broken = error as Error;
    } else {
      await client.query(isClean ? 'rollback' : `rollback; ${cleanUp}`).catch((lost: Error) => {
        broken = lost;
      });
      isClean = true;
    }
    throw error;
  } finally {
    if (!isClean && !broken) {
      await client.query(cleanUp).catch((lost: Error) => {
        broken = lost;
      });
    }
    client.release(broken);
  }
}

/** Runs `work` in a transaction that acts for this tenant. */
export async function inTenant<T>(
  pool: Connector,
  tenantId: string,
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenantId]);
    return work(client);
  });
}

/** Calls a function of `howdah_private` that returns one value. */
export async function callPrivate<T>(
  client: Queryable,
  name: string,
  ...values: unknown[]
): Promise<T> {
  const places = values.map((_, index) => `$${index + 1}`).join(', ');
  const text = `select howdah_private.${name}(${places}) as result`;
  return (await client.query<{ result: T }>(text, values)).rows[0]?.result as T;
}

/** Quotes a name for SQL text. */
export function quoteName(name: string): string {
  return pg.escapeIdentifier(name);
}

/** Quotes a text for SQL. */
export function quoteText(text: string): string {
  return pg.escapeLiteral(text);
}

function ignore(): void {}
