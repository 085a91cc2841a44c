import type { Json } from '../../json/json.ts';
import type { Pool } from '../connection/pool.ts';

/** Returns the agents that the run of a workflow may give its task to, as its members. */
export async function capableAgents(pool: Pool, id: string): Promise<Json> {
  const { rows } = await pool.query('select howdah_private.capable_agents($1) as agents', [id]);
  return rows[0].agents;
}
