import type { ClaimedRun } from '../../db/runs/runs.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';

/**
 * Decrypts the earlier messages of a claimed run: a turn of its session may have ended and been
 * encrypted since. The rest of a claim is in plain text, because a run whose own contents are
 * encrypted is not claimed.
 */
export async function decryptHistory(
  claimed: ClaimedRun,
  { decryptFor }: Pick<RuntimeDependencies, 'decryptFor'>,
): Promise<ClaimedRun> {
  const { execution_id, history } = claimed;
  if (history.length === 0) return claimed;
  const readable = await decryptFor(execution_id, history, { turns: true });
  return readable === history ? claimed : { ...claimed, history: readable };
}
