import { Client } from 'pg';
import { HowdahError } from '../../contracts/errors.ts';

/**
 * Creates the database that `url` names unless it exists, and sets its search path. Success also
 * proves that the server accepts the login. Throws `EPOSTGRES` when the server rejects the login,
 * and the error of `pg` when the connection fails.
 */
export async function ensureDatabase(url: string): Promise<void> {
  const code = await tryConnection(url);
  if (code !== '3D000') return;
  const name = new URL(url).pathname.slice(1);
  const maintenance = new URL('/postgres', url).href;
  await withClient(maintenance, async (client) => {
    await client.query(`create database ${client.escapeIdentifier(name)}`);
  }).catch((error: unknown) => {
    // 42P04, or 23505 from the catalog: another process made it at the same moment.
    if (!['42P04', '23505'].includes(codeOf(error))) throw error;
  });
  await withClient(url, ensureSearchPath);
}

/**
 * Sets the search path of the database. The owner has the name of our schema, which by default
 * comes first in its search path. Objects created in psql would then be among our tables and be
 * dropped with them. A search path that is already set for the database is kept.
 */
async function ensureSearchPath(client: Client): Promise<void> {
  if (await hasSearchPath(client)) return;
  const name = client.escapeIdentifier(client.database ?? '');
  await client.query(`alter database ${name} set search_path = public`).catch(async (error) => {
    // Another process was faster.
    if (!(await hasSearchPath(client))) throw error;
  });
}

async function hasSearchPath(client: Client): Promise<boolean> {
  const { rows } = await client.query(
    `select from pg_catalog.pg_db_role_setting as s
     join pg_catalog.pg_database as d on d.oid = s.setdatabase and d.datname = current_database()
     where s.setrole = 0 and exists (select from unnest(s.setconfig) as c where c like 'search\\_path=%')`,
  );
  return rows.length > 0;
}

async function tryConnection(url: string): Promise<string> {
  try {
    await withClient(url, ensureSearchPath);
    return '';
  } catch (cause) {
    const code = codeOf(cause);
    if (code === '3D000') return code;
    if (!code.startsWith('28')) throw cause;
    const { host } = new URL(url);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HowdahError(
      'EPOSTGRES',
      `The embedded PostgreSQL on ${host} rejects the login: ${reason}.`,
      {
        hint: 'Its password is in the file howdah.password of its data folder; restore the original file.',
        cause,
      },
    );
  }
}

async function withClient(url: string, use: (client: Client) => Promise<void>): Promise<void> {
  // ssl: a PGSSLMODE in the environment is meant for other servers.
  const client = new Client({
    connectionString: url,
    application_name: 'howdah-start',
    ssl: false,
  });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}
