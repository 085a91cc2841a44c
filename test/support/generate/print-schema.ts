import '../../../src/api/graphql/environment.ts';
import { lexicographicSortSchema, printSchema } from 'postgraphile/graphql';
import { schemaOf } from '../../../src/api/graphql/schema-cache.ts';
import { createPool } from '../../../src/db/connection/pool.ts';

/**
 * Prints the GraphQL schema of a migrated database as SDL in alphabetical order. This is the
 * content of schema.graphql.
 */
export async function printApiSchema(url: string): Promise<string> {
  const pool = createPool({ url, applicationName: 'howdah-schema', max: 1 });
  try {
    return `${printSchema(lexicographicSortSchema(await schemaOf(pool)))}\n`;
  } finally {
    await pool.end();
  }
}
