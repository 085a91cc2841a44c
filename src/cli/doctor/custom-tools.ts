import type { Pool } from '../../db/connection/pool.ts';
import type { Finding } from './finding.ts';

type Row = { agent: string; code: string; missing: string | null; lacking: string[]; runs: number };

/**
 * Finds agents that need tools in TypeScript, or an engine that is a function, which no running
 * worker has. Their runs wait. Names agents whose runs only some of the workers take.
 */
export async function customToolsFinding(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query<Row>(
    `select a.name as agent, array_to_string(n.tools || n.engines, ', ') as code,
       howdah_private.missing_code(a.current_version_id) as missing,
       array_agg(w.host || ' ' || w.pid) filter (where not howdah_private.has_code(w, n)) as lacking,
       (select count(*)::int from howdah_private.runs_without_worker as r
         join howdah.executions as e on e.id = r.execution_id and e.status = 'queued'
         where e.agent_id = a.id) as runs
     from howdah.agents as a
     join howdah_private.needed_code as n on n.agent_version_id = a.current_version_id
     join howdah_private.workers as w
       on w.heartbeat_at > clock_timestamp() - interval '30 seconds'
     where a.deleted_at is null and a.is_active
     group by a.id, n.agent_version_id
     having bool_or(not howdah_private.has_code(w, n))
     order by a.name limit 100`,
  );
  const check = 'custom tools';
  const first = rows.find(({ missing }) => missing !== null) ?? rows[0];
  if (!first) return { check, ok: true, found: 'no running worker lacks one' };
  const { agent, code, missing, lacking, runs } = first;
  if (missing === null) {
    const found = `workers without ${code} leave runs of agent ${agent} to others: ${lacking.join(', ')}`;
    return { check, ok: true, found };
  }
  const more = rows.filter((row) => row.missing !== null).length - 1;
  return {
    check,
    ok: false,
    found: `agent ${agent} needs ${missing}, which no running worker has; runs that wait: ${runs}${more > 0 ? `; and ${more} more` : ''}`,
    fix: 'Start a worker with the program or the folder that has it.',
  };
}
