import type { RunContext } from '../../contracts/runs/step.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';

/** Who and what a claimed run belongs to. */
export function contextOf(claimed: ClaimedRun): RunContext {
  const { execution_id, tenant_id, agent_id, session_id, root_execution_id, metadata } = claimed;
  return { execution_id, tenant_id, agent_id, session_id, root_execution_id, metadata };
}
