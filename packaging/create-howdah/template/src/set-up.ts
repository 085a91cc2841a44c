import { readdir, readFile } from 'node:fs/promises';
import type { Howdah } from 'howdah';
import { Client } from 'pg';

const ROOT = new URL('../', import.meta.url);

/** Applies `sql/` as the owner of the database, and then `howdah.yaml`. */
export async function setUp(howdah: Howdah): Promise<void> {
  await applySql(howdah.databaseUrl);
  const body = await readFile(new URL('howdah.yaml', ROOT), 'utf8');
  await howdah.call('applyAgentSystem', { query: { file: 'howdah.yaml' }, body });
}

/**
 * Applies all files in one transaction. The lock makes processes that start together wait for each
 * other.
 */
async function applySql(connectionString: string): Promise<void> {
  const folder = new URL('sql/', ROOT);
  const files = (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort();
  const client = new Client({ connectionString });
  await client.connect();
  try {
    await client.query(`begin; select pg_advisory_xact_lock(hashtext('sql/'))`);
    for (const file of files) await client.query(await readFile(new URL(file, folder), 'utf8'));
    await client.query('commit');
  } finally {
    await client.end();
  }
}
