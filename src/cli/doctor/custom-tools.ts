import type { Pool } from '../../db/connection/pool.ts';
import type { Finding } from './finding.ts';

type Row = { name: string; agent: string; workers: number; lacking: string[] };

/**
 * Finds tools in TypeScript that agents have and running workers lack. Such a worker takes runs of
 * these agents all the same, and their calls of the tool fail there.
 */
export async function customToolsFinding(pool: Pool): Promise<Finding> {
  const { rows } = await pool.query<Row>(
    `select t.name, min(a.name) as agent, count(distinct w.id)::int as workers,
       coalesce(array_agg(distinct w.host || ' ' || w.pid)
         filter (where t.name <> all (w.custom_tools)), '{}') as lacking
     from howdah.tools as t
     join howdah.agent_tools as x on x.tool_id = t.id
     join howdah.agents as a on a.id = x.agent_id and a.deleted_at is null and a.is_active
     join howdah_private.workers as w
       on w.heartbeat_at > clock_timestamp() - interval '30 seconds'
     where t.kind = 'custom' and t.is_active
     group by t.id, t.name
     having bool_or(t.name <> all (w.custom_tools))
     order by t.name limit 100`,
  );
  const [first] = rows;
  const check = 'custom tools';
  if (!first) return { check, ok: true, found: 'no running worker lacks one' };
  const { name, agent, workers, lacking } = first;
  const isMissingEverywhere = lacking.length === workers;
  const who = isMissingEverywhere
    ? 'no running worker has'
    : `the worker ${lacking.join(', ')} lacks`;
  const more = rows.length > 1 ? `, and ${rows.length - 1} more` : '';
  return {
    check,
    ok: false,
    found: `agent ${agent} has the tool ${name}, which ${who}${more}`,
    fix: 'Start each worker with the program or the folder that has the tool.',
  };
}
