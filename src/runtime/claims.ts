import type { ClaimedRun } from '../db/runs.ts';

type Batch = { ids: string[]; result: Promise<Map<string, ClaimedRun>> };

/** Claims asked for in one turn of the event loop become one call; gives the run, or undefined if it was not free. */
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
    batch.ids.push(id);
    return (await batch.result).get(id);
  };
}
