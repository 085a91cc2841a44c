import type { ClaimedRun } from '../db/runs.ts';

type Batch = { ids: string[]; result: Promise<Map<string, ClaimedRun>> };

/**
 * Claims asked for in one turn of the event loop become one call; gives the run, or undefined if it was not free. The
 * database may have chosen another run, of a tenant whose turn it was: it goes to one who asked for a run he does not get.
 * A run that is asked for twice, since two wake-ups came for it, is given once: nobody may hold it a second time.
 */
export function batchClaims(
  claim: (ids: string[]) => Promise<ClaimedRun[]>,
): (id: string) => Promise<ClaimedRun | undefined> {
  let batch: Batch | undefined;
  const begin = (): Batch => {
    const ids: string[] = [];
    const result = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      batch = undefined;
      return shareOut(ids, await claim(ids));
    });
    return { ids, result };
  };
  return async (id) => {
    batch ??= begin();
    if (batch.ids.includes(id)) {
      return undefined;
    }
    batch.ids.push(id);
    return (await batch.result).get(id);
  };
}

function shareOut(ids: readonly string[], runs: readonly ClaimedRun[]): Map<string, ClaimedRun> {
  const given = new Map(
    runs.filter((run) => ids.includes(run.execution_id)).map((run) => [run.execution_id, run]),
  );
  const empty = ids.filter((id) => !given.has(id));
  const others = runs.filter((run) => !ids.includes(run.execution_id));
  for (const [index, run] of others.entries()) {
    const id = empty[index];
    if (id === undefined) {
      throw new Error(`the database gave ${runs.length} runs for ${ids.length} wake-ups`);
    }
    given.set(id, run);
  }
  return given;
}
