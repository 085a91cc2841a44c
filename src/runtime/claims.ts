import type { ClaimedRun } from '../db/runs.ts';

/** What a call gave: `kept` is the room that was kept for more runs than were asked for. */
export type ClaimedBatch = { runs: ClaimedRun[]; kept: number };

type Batch = { ids: string[]; result: Promise<Map<string, ClaimedRun>> };

/**
 * Claims asked for in one turn of the event loop, or while the call before is under way (`isFree`), become one call; gives the run, or undefined if it was not free. The
 * database may have chosen another run, of a tenant whose turn it was: it goes to one who asked for a run he does not get;
 * what then is left over goes to `more`. A run that is asked for twice, since two wake-ups came for it, is given once:
 * nobody may hold it a second time.
 */
export function batchClaims(
  claim: (ids: string[]) => Promise<ClaimedBatch>,
  more: (left: ClaimedBatch) => void,
  isFree: () => Promise<void> = async () => {},
): (id: string) => Promise<ClaimedRun | undefined> {
  let batch: Batch | undefined;
  const begin = (): Batch => {
    const ids: string[] = [];
    const result = new Promise<void>((resolve) => setImmediate(resolve)).then(async () => {
      await isFree();
      batch = undefined;
      return shareOut(ids, await claim(ids), more);
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

function shareOut(
  ids: readonly string[],
  { runs, kept }: ClaimedBatch,
  more: (left: ClaimedBatch) => void,
): Map<string, ClaimedRun> {
  const asked = new Set(ids);
  const given = new Map(
    runs.filter((run) => asked.has(run.execution_id)).map((run) => [run.execution_id, run]),
  );
  const empty = ids.filter((id) => !given.has(id));
  const others = runs.filter((run) => !asked.has(run.execution_id));
  for (const [index, id] of empty.entries()) {
    const other = others[index];
    if (other) {
      given.set(id, other);
    }
  }
  more({ runs: others.slice(empty.length), kept });
  return given;
}
