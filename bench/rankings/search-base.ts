import type pg from 'pg';

/** Returns the ids of the documents that fit a query best, each once. */
export async function search(
  pool: pg.Pool,
  base: string,
  query: string,
  k: number,
  mode = 'text',
): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select d.metadata ->> 'id' as id
     from howdah.search(array[$1], $2, $3, '{}', $4) with ordinality as s
     join howdah.documents as d on d.id = s.document_id order by s.ordinality`,
    [base, query, k, mode],
  );
  return [...new Set(rows.map(({ id }) => id))];
}
