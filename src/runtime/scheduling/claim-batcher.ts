import type { ClaimedRun } from '../../db/runs/runs.ts';

/**
 * The result of a claim. `reservedSlots` is the number of slots reserved for runs that were not
 * requested.
 */
export type ClaimedBatch = { runs: ClaimedRun[]; reservedSlots: number };

/** The reason for a claim: a job of the queue, or an offer (offer_runs.sql). */
export type ClaimReason = 'wake_up' | 'offer';

/** Runs to claim in one call. `offered` are those for which no wake-up has come. */
export type ClaimRequest = { ids: string[]; offered: string[] };

type Batch = { reasons: Map<string, ClaimReason>; result: Promise<Map<string, ClaimedRun>> };

/**
 * Returns a function that claims a run. Calls in one turn of the event loop, or until `untilFree`
 * settles, become one call of `claim`. Resolves with undefined if the run was not free.
 *
 * The database may claim a run of a tenant whose turn it is in the place of a requested one. That
 * run goes to a caller who gets none; the remaining runs go to `acceptExtraRuns`. A run that is
 * requested twice, by two wake-ups or by an offer and a wake-up, is returned once.
 */
export function createClaimBatcher(
  claim: (request: ClaimRequest) => Promise<ClaimedBatch>,
  acceptExtraRuns: (left: ClaimedBatch) => void,
  untilFree: () => Promise<void> = async () => {},
): (id: string, reason?: ClaimReason) => Promise<ClaimedRun | undefined> {
  let batch: Batch | undefined;
  const begin = (): Batch => {
    const reasons = new Map<string, ClaimReason>();
    const result = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      await untilFree();
      batch = undefined;
      const ids = [...reasons.keys()];
      const offered = ids.filter((id) => reasons.get(id) === 'offer');
      return shareOut(ids, await claim({ ids, offered }), acceptExtraRuns);
    });
    return { reasons, result };
  };
  return async (id, reason = 'wake_up') => {
    batch ??= begin();
    const isInBatch = batch.reasons.has(id);
    // a wake-up outranks an offer: the job is consumed, so nothing else would wake this run
    if (!isInBatch || reason === 'wake_up') batch.reasons.set(id, reason);
    // a second request waits too: it may not report before the first is decided
    const runs = await batch.result;
    return isInBatch ? undefined : runs.get(id);
  };
}

function shareOut(
  ids: readonly string[],
  { runs, reservedSlots }: ClaimedBatch,
  acceptExtraRuns: (left: ClaimedBatch) => void,
): Map<string, ClaimedRun> {
  const requestedIds = new Set(ids);
  const runById = new Map(
    runs.filter((run) => requestedIds.has(run.execution_id)).map((run) => [run.execution_id, run]),
  );
  const withoutRun = ids.filter((id) => !runById.has(id));
  const others = runs.filter((run) => !requestedIds.has(run.execution_id));
  for (const [index, id] of withoutRun.entries()) {
    const other = others[index];
    if (other) {
      runById.set(id, other);
    }
  }
  acceptExtraRuns({ runs: others.slice(withoutRun.length), reservedSlots });
  return runById;
}
