import type { ClaimedRun } from '../db/runs.ts';

type Batch = { ids: string[]; result: Promise<Map<string, ClaimedRun>> };

/**
 * Claims asked for in one turn of the event loop become one call; gives the run, or undefined if it was not free. A run that
 * is asked for twice, since two wake-ups came for it, is given once: nobody may hold it a second time.
 */
export function batchClaims(
  claim: (ids: string[]) => Promise<ClaimedRun[]>,
): (id: string) => Promise<ClaimedRun | undefined> {
  let batch: Batch | undefined;
  const begin = (): Batch => {
    const ids: string[] = [];
    const result = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      batch = undefined;
      const runs = await claim(ids);
      return new Map(runs.map((run) => [run.execution_id, run]));
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
