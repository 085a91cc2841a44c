import type { Json } from '../../json/json.ts';
import type { Pool } from '../connection/pool.ts';

/** The agents that a workflow's run may give its task to, as members of it. */
export async function capableAgents(pool: Pool, id: string): Promise<Json> {
  const { rows } = await pool.query('select howdah_private.capable_agents($1) as agents', [id]);
  return rows[0].agents;
}
