import type pg from 'pg';

/**
 * Returns the tables of Howdah and of its queue that contain a text in any column of any row.
 * Partitions count as their parent table.
 */
export async function tablesWithText(pool: pg.Pool, text: string): Promise<string[]> {
  const { rows: tables } = await pool.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class as c
     where c.relkind in ('r', 'p') and not c.relispartition
       and c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace,
         'graphile_worker'::regnamespace)
     order by 1`,
  );
  const found: string[] = [];
  for (const { name } of tables) {
    const { rows } = await pool.query(
      `select from ${name} as t where strpos(t::text, $1) > 0 limit 1`,
      [text],
    );
    if (rows.length > 0) found.push(name);
  }
  return found;
}
