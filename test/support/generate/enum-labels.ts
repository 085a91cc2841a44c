import pg from 'pg';

/**
 * Returns the labels of all enums of a migrated database, in their order, the content of
 * `src/contracts/enum-labels.generated.ts`.
 */
export async function enumLabels(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; labels: string[] }>(LABELS);
    const lines = rows.map(({ name, labels }) => `  ${name}: [${labels.map(quote).join(', ')}],`);
    return `${HEAD}export const enumLabels = {\n${lines.join('\n')}\n} as const;\n${TYPE}`;
  } finally {
    await client.end();
  }
}

const quote = (label: string): string => `'${label}'`;

const HEAD = `// Generated from a freshly migrated database by \`npm run generate\`; never edited.

/** The labels of the enums in the schema howdah, in the order of the database. */
`;

const TYPE = `
/** A label of an enum, by the name that the enum has in the database. */
export type EnumLabel<Name extends keyof typeof enumLabels> = (typeof enumLabels)[Name][number];
`;

const LABELS = `
  select t.typname as name, array_agg(e.enumlabel::text order by e.enumsortorder) as labels
  from pg_type as t join pg_enum as e on e.enumtypid = t.oid
  where t.typnamespace = 'howdah'::regnamespace
  group by t.typname order by t.typname collate "C"`;
