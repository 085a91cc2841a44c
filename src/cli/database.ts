import type { Config } from '../config.ts';
import { createPool, type Pool } from '../db/pool.ts';
import { type Queries, queriesOn } from '../db/queries.ts';
import type { CliIo } from './output.ts';

export type CliDatabase = { url: string; config: Config; pool: Pool; db: Queries };

/** Opens the migrated database for one command and closes it afterwards, whatever happens. */
export async function withDatabase<T>(
  io: CliIo,
  work: (database: CliDatabase) => Promise<T>,
): Promise<T> {
  const { migrateDatabase, openDatabase } = await import('../bootstrap.ts');
  const config = await io.config();
  const { url } = await openDatabase(config, io.err);
  await migrateDatabase(url);
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 4 });
  try {
    return await work({ url, config, pool, db: queriesOn(pool) });
  } finally {
    await pool.end();
  }
}
