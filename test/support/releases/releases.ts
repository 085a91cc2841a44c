import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import pg from 'pg';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';
import type { TestDatabase } from '../database.ts';

const FOLDER = join(PACKAGE_ROOT, 'test/fixtures/releases');

/** Releases with a recorded database, each named by its last migration, the oldest first. */
export const RELEASES: readonly string[] = readdirSync(FOLDER)
  .sort()
  .map((file) => file.replace('.sql.gz', ''));

export const NEWEST_RELEASE = RELEASES.at(-1) ?? '';

/** Restores the database of a release into an empty one. */
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
