import pg from 'pg';

/**
 * Returns what callers must be permitted to do to write the rows of each table, by the permissions
 * of a migrated database, the content of `src/contracts/write-permissions.generated.ts`.
 */
export async function writePermissions(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ object: string; actions: string[] }>(ACTIONS);
    const lines = rows.map(
      ({ object, actions }) => `  ${object}: [${actions.map((one) => `'${one}'`).join(', ')}],\n`,
    );
    return `${HEAD}${lines.join('')}};\n`;
  } finally {
    await client.end();
  }
}

const HEAD = `// Generated from a freshly migrated database by \`npm run generate\`; never edited.

/** The actions that a caller must be permitted to write the rows of a table: all of them. */
export const writePermissions: Readonly<Record<string, readonly string[]>> = {
`;

const ACTIONS = `
  select p.object, array_agg(p.action order by p.action) as actions
  from howdah.permissions as p where p.action <> 'read'
  group by p.object order by p.object collate "C"`;
