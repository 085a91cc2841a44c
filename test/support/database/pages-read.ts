import type pg from 'pg';

/**
 * Returns the number of pages that a statement reads, with those of nested calls, once its session
 * has planned it. Counts several times and returns the lowest number: changes of other databases of
 * the server may empty the caches of a session, which then reads the catalogue again.
 */
export async function pagesRead(
  db: pg.Pool | pg.PoolClient,
  text: string,
  values: unknown[] = [],
): Promise<number> {
  const counts: number[] = [];
  for (let time = 1; time <= 4; time += 1) {
    const { rows } = await db.query(`explain (analyze, buffers, format json) ${text}`, values);
    const { Plan: plan } = rows[0]['QUERY PLAN'][0];
    counts.push(plan['Shared Hit Blocks'] + plan['Shared Read Blocks']);
  }
  return Math.min(...counts);
}
