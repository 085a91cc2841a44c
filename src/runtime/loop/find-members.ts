import type { HeldRun } from '../owned-run/held-run.ts';
import { ROSTER } from '../teams/member-list.ts';

/** Looks up who could do the task, and keeps them in the log: the run goes by what was found once. */
export async function findCapableAgents(run: HeldRun): Promise<void> {
  const started_at = new Date().toISOString();
  const output = await run.capableAgents();
  if (run.abort.signal.aborted) {
    return; // not ours any more
  }
  await run.commit([{ kind: 'tool', ...ROSTER, output, trust: 'internal', started_at }]);
}
