import pg from 'pg';

/**
 * Returns the comments of the columns of tables of the schema `howdah` in a migrated database, the
 * content of `src/db/catalog.generated.ts`.
 */
export async function columnComments(url: string, tables: readonly string[]): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; comments: Record<string, string> }>(
      COMMENTS,
      [tables],
    );
    return `${HEAD}${rows.map(({ name, comments }) => tableOf(name, comments)).join('')}};\n`;
  } finally {
    await client.end();
  }
}

function tableOf(name: string, comments: Record<string, string>): string {
  const columns = Object.entries(comments).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const lines = columns.map(([column, text]) => `    ${column}: ${JSON.stringify(text)},\n`);
  return `  ${name}: {\n${lines.join('')}  },\n`;
}

const HEAD = `// Generated from a freshly migrated database by \`npm run generate\`; never edited.

/** The comments of the columns of resources, by table and column. */
export const columnComments: Readonly<Record<string, Readonly<Record<string, string>>>> = {
`;

/** Lines that begin with @ are for PostGraphile. */
const COMMENTS = `
  select c.relname as name, json_object_agg(a.attname, t.text) as comments
  from pg_class as c
  join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  cross join lateral (
    select trim(regexp_replace(col_description(c.oid, a.attnum), '^(@[^\\n]*(\\n|$))+', '')) as text
  ) as t
  where c.relnamespace = 'howdah'::regnamespace and c.relname = any ($1) and t.text <> ''
  group by c.relname order by c.relname collate "C"`;
