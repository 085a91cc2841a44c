import { sql } from 'kysely';
import type { Explanation } from '../../contracts/runs/explanation.ts';
import type { Queries } from './queries.ts';

/** Explains the current state of a run. Throws `HWNTF`. */
export async function explainExecution(db: Queries, id: string): Promise<Explanation> {
  const { rows } = await sql<{ explanation: Explanation }>`
    select howdah.explain_execution(${id}) as explanation`.execute(db);
  return rows[0]?.explanation as Explanation;
}
