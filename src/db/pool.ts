import pg from 'pg';

export type Pool = pg.Pool;
export type Client = pg.Client;
export type PoolClient = pg.PoolClient;

/** The roles a connection of ours may take; without one it stays the login itself (an owner). */
export type DatabaseRole = 'howdah_worker' | 'howdah_app' | 'howdah_authenticator';

export type ConnectionOptions = {
  url: string;
  /** Shown in pg_stat_activity: `howdah-api`, `howdah-worker`, … */
  applicationName: string;
  role?: DatabaseRole;
  max?: number;
  /** Settings the sessions begin with, such as `{ synchronous_commit: 'off' }`. */
  settings?: Readonly<Record<string, string>>;
};

function configOf(options: ConnectionOptions): pg.ClientConfig {
  const settings = { ...(options.role ? { role: options.role } : {}), ...options.settings };
  const flags = Object.entries(settings).map(([name, value]) => `-c ${name}=${value}`);
  return {
    connectionString: options.url,
    application_name: options.applicationName,
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
    ...(flags.length > 0 ? { options: flags.join(' ') } : {}),
  };
}

/** A pool whose idle connections may break without ending the process: the next query reports the loss. */
export function createPool(options: ConnectionOptions): Pool {
  const pool = new pg.Pool({ ...configOf(options), max: options.max ?? 4 });
  pool.on('error', ignore);
  pool.on('connect', (client) => client.on('error', ignore));
  return pool;
}

/** One connection of its own, for what needs a session: LISTEN, advisory locks. */
export function createClient(options: ConnectionOptions): Client {
  return new pg.Client(configOf(options));
}

/**
 * Runs `work` in one transaction of one connection; rolls back and rethrows when it fails. `cleanUp` runs after it, whatever
 * happened, before the connection serves somebody else.
 */
export async function inTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  cleanUp = '',
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((lost: Error) => {
      broken = lost;
    });
    throw error;
  } finally {
    if (cleanUp && !broken) {
      await client.query(cleanUp).catch((lost: Error) => {
        broken = lost;
      });
    }
    client.release(broken);
  }
}

/** Quotes a name for SQL text. */
export function quoteName(name: string): string {
  return pg.escapeIdentifier(name);
}

function ignore(): void {}
