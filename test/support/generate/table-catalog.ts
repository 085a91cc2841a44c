import pg from 'pg';

/**
 * Returns the comments and foreign keys of the columns of tables of the schema `howdah` in a
 * migrated database, the content of `src/db/catalog.generated.ts`.
 */
export async function tableCatalog(url: string, tables: readonly string[]): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows: comments } = await client.query<Described>(COMMENTS, [tables]);
    const { rows: keys } = await client.query<Described>(FOREIGN_KEYS, [tables]);
    return `${HEAD}
/** The comments of the columns of resources, by table and column. */
${constant('columnComments', comments)}
/** The tables of the rows that columns of resources refer to, by table and column. */
${constant('foreignKeys', keys)}`;
  } finally {
    await client.end();
  }
}

/** A table with a text for each column. */
type Described = { name: string; columns: Record<string, string> };

const HEAD = '// Generated from a freshly migrated database by `npm run generate`; never edited.\n';

const constant = (name: string, tables: readonly Described[]) =>
  `export const ${name}: Readonly<Record<string, Readonly<Record<string, string>>>> = {
${tables.map(tableOf).join('')}};
`;

function tableOf({ name, columns }: Described): string {
  const sorted = Object.entries(columns).toSorted(([a], [b]) => (a < b ? -1 : 1));
  const lines = sorted.map(([column, text]) => `    ${column}: ${JSON.stringify(text)},\n`);
  return `  ${name}: {\n${lines.join('')}  },\n`;
}

/** Lines that begin with @ are for PostGraphile. */
const COMMENTS = `
  select c.relname as name, json_object_agg(a.attname, t.text) as columns
  from pg_class as c
  join pg_attribute as a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
  cross join lateral (
    select trim(regexp_replace(col_description(c.oid, a.attnum), '^(@[^\\n]*(\\n|$))+', '')) as text
  ) as t
  where c.relnamespace = 'howdah'::regnamespace and c.relname = any ($1) and t.text <> ''
  group by c.relname order by c.relname collate "C"`;

/** Keys of one column, besides that of the tenant. */
const FOREIGN_KEYS = `
  select c.relname as name, json_object_agg(k.columns[1], r.relname) as columns
  from (
    select f.conrelid, f.confrelid, array(
      select a.attname::text from pg_attribute as a
      where a.attrelid = f.conrelid and a.attnum = any (f.conkey) and a.attname <> 'tenant_id'
    ) as columns
    from pg_constraint as f where f.contype = 'f'
  ) as k
  join pg_class as c on c.oid = k.conrelid
  join pg_class as r on r.oid = k.confrelid
  where c.relnamespace = 'howdah'::regnamespace and r.relnamespace = c.relnamespace
    and c.relname = any ($1) and cardinality(k.columns) = 1
  group by c.relname order by c.relname collate "C"`;
