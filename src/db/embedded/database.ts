import { Client } from 'pg';
import { HowdahError } from '../../contracts/errors.ts';

/**
 * Makes the database that `url` names unless it is there, and sees to its search path; also the proof that the server lets
 * us in. Throws `EPOSTGRES` when it refuses the login, and what `pg` throws when the connection fails.
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
 * The owner has the name of our schema, which by default would come first in its search path: what people make in psql would
 * land among our tables and go with them. A search path that somebody chose for the database stays.
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
      `The embedded PostgreSQL on ${host} refuses us: ${reason}.`,
      {
        hint: 'Its password stands in howdah.password of its data folder; put back the one it was made with.',
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
