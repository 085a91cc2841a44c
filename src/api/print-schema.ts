import './graphql/environment.ts';
import { lexicographicSortSchema, printSchema } from 'postgraphile/graphql';
import { createPool } from '../db/connection/pool.ts';
import { schemaOf } from './graphql/schema-cache.ts';

/** The GraphQL schema of a migrated database as SDL, in alphabetical order: what stands in schema.graphql. */
export async function printApiSchema(url: string): Promise<string> {
  const pool = createPool({ url, applicationName: 'howdah-schema', max: 1 });
  try {
    return `${printSchema(lexicographicSortSchema(await schemaOf(pool)))}\n`;
  } finally {
    await pool.end();
  }
}
