import type { Watching } from '../access/subjects.ts';
import type { Viewer } from './source.ts';

/** Runs whose rows a person would get. */
export type WantedRuns = { viewer: Viewer | undefined; runs: Iterable<string> };

/** Returns for a person whether the person sees a run. Without a viewer, no run is seen. */
export type VisibleTo = (viewer: Viewer | undefined) => (run: string) => boolean;

/** Checks many runs for many persons, each run once for all who have the same rights. */
export async function visibleRuns(
  wanted: Iterable<WantedRuns>,
  sees: (watching: Watching) => Promise<boolean>,
): Promise<VisibleTo> {
  const known = new Map<string, { viewer: Viewer; runs: Map<string, boolean> }>();
  for (const { viewer, runs } of wanted) {
    if (!viewer) continue;
    const same = known.get(keyOf(viewer)) ?? { viewer, runs: new Map() };
    known.set(keyOf(viewer), same);
    for (const run of runs) same.runs.set(run, false);
  }
  const checks = [...known.values()].flatMap(({ viewer, runs }) =>
    Array.from(runs.keys(), async (id) => {
      runs.set(id, await sees({ ...viewer, id }));
    }),
  );
  await Promise.all(checks);
  return (viewer) => {
    const runs = viewer && known.get(keyOf(viewer))?.runs;
    return (run) => runs?.get(run) === true;
  };
}

function keyOf({ tenantId, userId, role }: Viewer): string {
  return `${tenantId} ${userId} ${role}`;
}
