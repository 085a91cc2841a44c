import { sql } from 'kysely';
import type { Comparison } from '../../contracts/runs/comparison.ts';
import type { Queries } from './queries.ts';

/** Returns the differences of two runs. Throws `HWNTF`. */
export async function compareExecutions(db: Queries, a: string, b: string): Promise<Comparison> {
  const { rows } = await sql<{ compared: Comparison }>`
    select howdah.compare_executions(${a}, ${b}) as compared`.execute(db);
  return rows[0]?.compared as Comparison;
}
