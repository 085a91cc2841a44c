import type { Queryable } from '../connection/pool.ts';
import { jsonRows } from './json-rows.ts';

/** The live runs of one status, and the number of seconds since the oldest of them was due. */
export type QueueRow = {
  status: string;
  waiting_for: string | null;
  runs: number;
  oldest_due_seconds: number;
};

export type LiveRun = {
  id: string;
  agent: string | null;
  status: string;
  waiting_for: string | null;
  steps: number;
  tokens: number;
  cost: number | string;
  seconds: number;
};

/**
 * Reads the live runs that this login sees: the number of runs of each status, and the
 * longest-lived runs.
 */
export async function liveRuns(
  client: Queryable,
  most: number,
): Promise<{ queue: QueueRow[]; runs: LiveRun[] }> {
  // the null test is served by an index under row security, where a comparison of enums is not
  const live = `e.completed_at is null and e.status in ('queued', 'running', 'waiting', 'paused')`;
  const queue = await jsonRows<QueueRow>(
    client,
    `select e.status, e.waiting_for, count(*)::int as runs,
       round(greatest(0, extract(epoch from now() - min(greatest(e.run_at, e.wake_at)))))::int as oldest_due_seconds
     from howdah.executions as e where ${live} group by e.status, e.waiting_for order by e.status, e.waiting_for`,
  );
  const runs = await jsonRows<LiveRun>(
    client,
    `select e.id, coalesce(a.name, w.name) as agent, e.status, e.waiting_for, coalesce(h.step_count, e.step_count) as steps,
       coalesce(h.tokens_in + h.tokens_out, e.tokens_in + e.tokens_out) + e.children_tokens_in + e.children_tokens_out as tokens,
       coalesce(h.cost, e.cost) + e.children_cost as cost, round(extract(epoch from now() - e.created_at))::int as seconds
     from howdah.executions as e
     left join howdah_private.run_heads as h on h.execution_id = e.id
     left join howdah.agents as a on a.id = e.agent_id
     left join howdah.workflows as w on w.id = e.workflow_id
     where ${live} order by e.status = 'running' desc, e.id limit $1`,
    [most],
  );
  return { queue, runs };
}
