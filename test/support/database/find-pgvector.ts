import pg from 'pg';
import { inject } from 'vitest';

/**
 * Returns whether the server of the tests has pgvector. Without it, says how to run the tests that
 * need it.
 */
export async function findPgvector(): Promise<boolean> {
  const client = new pg.Client({ connectionString: inject('serverUrl') });
  await client.connect();
  try {
    const { rows } = await client.query(
      `select from pg_available_extensions where name = 'vector'`,
    );
    if (rows.length === 0)
      console.warn(
        'indexes of vectors are not tested here: the server has no pgvector (npm run test:pg -- --pgvector)',
      );
    return rows.length > 0;
  } finally {
    await client.end();
  }
}
