import pg from 'pg';

/**
 * Returns the columns of the keys whose names do not say them, by the catalogue of a migrated
 * database, the content of `src/contracts/key-columns.generated.ts`. A name of Postgres says them,
 * as `models_tenant_id_name_key` does.
 */
export async function keyColumns(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; columns: string[] }>(KEYS);
    const lines = rows.map(
      ({ name, columns }) => `  ${name}: [${columns.map((one) => `'${one}'`).join(', ')}],\n`,
    );
    return `${HEAD}${lines.join('')}};\n`;
  } finally {
    await client.end();
  }
}

const HEAD = `// Generated from a freshly migrated database by \`npm run generate\`; never edited.

/** The columns of unique indexes whose names do not say them, without the tenant. */
export const keyColumns: Readonly<Record<string, readonly string[]>> = {
`;

const KEYS = `
  select c.relname as name,
    array_agg(a.attname::text order by k.place) filter (where a.attname <> 'tenant_id') as columns
  from pg_index as i
  join pg_class as c on c.oid = i.indexrelid
  join pg_class as t on t.oid = i.indrelid
  cross join lateral unnest(i.indkey) with ordinality as k (attnum, place)
  join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
  where c.relnamespace = 'howdah'::regnamespace and i.indisunique and not i.indisprimary
    and not t.relispartition
  group by c.relname, t.relname
  having count(*) filter (where a.attname <> 'tenant_id') > 0
    and replace(c.relname, '_living_', '_')
      not in (
        t.relname || '_' || string_agg(a.attname, '_' order by k.place) || '_key',
        t.relname || '_' || string_agg(a.attname, '_' order by k.place)
          filter (where a.attname <> 'tenant_id') || '_key')
  order by c.relname collate "C"`;
