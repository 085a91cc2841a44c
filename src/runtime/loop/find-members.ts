import type { HeldRun } from '../owned-run/held-run.ts';
import { ROSTER } from '../teams/member-list.ts';

/**
 * Looks up the agents that could do the task, and adds them to the log, because the run uses the
 * result of one search.
 */
export async function findCapableAgents(run: HeldRun): Promise<void> {
  const started_at = new Date().toISOString();
  const output = await run.capableAgents();
  if (run.abort.signal.aborted) {
    return; // the run is not owned any more
  }
  await run.commit([{ kind: 'tool', ...ROSTER, output, trust: 'internal', started_at }]);
}
