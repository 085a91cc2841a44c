import { inTransaction, type Pool } from '../../db/connection/pool.ts';
import { invalidVariable } from '../../settings/parse-variables.ts';

const VARIABLE = 'HOWDAH_GRAPHQL_SCHEMAS';
const RESERVED = /^(howdah|howdah_private|graphile_worker|information_schema|pg_.*)$/;

/**
 * Checks the schemas that are added to GraphQL. Throws `HWINV` for a reserved schema, and for one
 * that does not exist or that the role of requests may not use.
 */
export async function checkUserSchemas(pool: Pool, schemas: readonly string[]): Promise<void> {
  if (schemas.length === 0) return;
  const reserved = schemas.find((name) => RESERVED.test(name));
  if (reserved !== undefined) {
    throw invalidVariable(
      VARIABLE,
      `the schema ${reserved} cannot be added`,
      'Name only schemas of your own.',
    );
  }
  const rows = await inTransaction(pool, async (client) => {
    const text = `
      select s.name, n.oid is not null as exists,
        n.oid is not null and has_schema_privilege('howdah_app', n.oid, 'usage') as usable, quote_ident(s.name) as quoted
      from unnest($1::text[]) as s (name) left join pg_catalog.pg_namespace as n on n.nspname = s.name`;
    return (await client.query<FoundSchema>(text, [schemas])).rows;
  });
  for (const { name, exists, usable, quoted } of rows) {
    if (!exists)
      throw invalidVariable(
        VARIABLE,
        `there is no schema ${name}`,
        'Create it, or correct the name.',
      );
    if (usable) continue;
    throw invalidVariable(
      VARIABLE,
      `the role howdah_app may not use the schema ${name}`,
      `Run: grant usage on schema ${quoted} to howdah_app; and grant select on its tables.`,
    );
  }
}

type FoundSchema = { name: string; exists: boolean; usable: boolean; quoted: string };

/** Explains that the schema of GraphQL could not be built with the schemas of the user. */
export function explainClash(cause: unknown, schemas: readonly string[]): unknown {
  if (schemas.length === 0) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return invalidVariable(
    VARIABLE,
    `GraphQL cannot be built with the schemas ${schemas.join(', ')}: ${reason}`,
    "Give the table, column or relation another name by a smart tag: comment on table shop.tickets is '@name shop_ticket_rows';",
    cause,
  );
}
