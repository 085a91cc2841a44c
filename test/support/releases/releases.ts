import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import type { TestDatabase } from '../database.ts';

const FOLDER = join(PACKAGE_ROOT, 'test/fixtures/releases');

/** Releases with a recorded database, oldest first. Each is named by its last migration. */
export const RELEASES: readonly string[] = readdirSync(FOLDER)
  .sort()
  .map((file) => file.replace('.sql.gz', ''));

export const NEWEST_RELEASE = RELEASES.at(-1) ?? '';

/** Restores the database of a release into an empty database. */
export async function loadRelease(db: TestDatabase, release: string): Promise<void> {
  const client = new pg.Client({ connectionString: db.url });
  await client.connect();
  try {
    const file = join(FOLDER, `${release}.sql.gz`);
    await client.query(gunzipSync(readFileSync(file)).toString('utf8'));
  } finally {
    await client.end();
  }
}
