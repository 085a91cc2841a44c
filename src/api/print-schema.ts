import './graphql/environment.ts';
import { makeSchema } from 'postgraphile';
import { lexicographicSortSchema, printSchema } from 'postgraphile/graphql';
import { createPool } from '../db/pool.ts';
import { schemaPreset } from './graphql/preset.ts';

/** The GraphQL schema of a migrated database as SDL, in alphabetical order: what stands in schema.graphql. */
export async function printApiSchema(url: string): Promise<string> {
  const pool = createPool({ url, applicationName: 'howdah-schema', max: 1 });
  try {
    const { schema } = await makeSchema(schemaPreset(pool));
    return `${printSchema(lexicographicSortSchema(schema))}\n`;
  } finally {
    await pool.end();
  }
}
