import type { RunContext } from '../../contracts/runs/run-context.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';

/** Returns the ids and metadata of a claimed run. */
export function contextOf(claimed: ClaimedRun): RunContext {
  const { execution_id, tenant_id, agent_id, session_id, root_execution_id, metadata } = claimed;
  return { execution_id, tenant_id, agent_id, session_id, root_execution_id, metadata };
}
