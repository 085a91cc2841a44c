import type { DecryptRows } from '../connection/decrypt-results.ts';
import { createPool, type Pool } from '../connection/pool.ts';
import { findExecutionRow, type Queries, queriesOn } from '../queries/queries.ts';
import { type FollowedItem, readRun } from './follow-runs.ts';
import { openRunListener, type RunListener } from './run-listener.ts';

/** The position of an item's run: the ids from the followed run down, and its name. */
export type PlaceInTree = { path: string[]; agent: string | null };
export type FollowedInTree = FollowedItem & PlaceInTree;

type Reading = {
  db: Queries;
  listener: RunListener;
  /** The connections for registrations. */
  pool: Pool;
  cursors: Map<string, number>;
  reported: Set<string>;
  places: Map<string, PlaceInTree>;
};

/** A reader of a run and all runs below it. It reports each step once. */
export type TreeReader = {
  /** The runs of the tree that have not ended. */
  live(): string[];
  /**
   * Reads what is new in runs of the tree. Steps of one read are ordered by time, which the clock
   * of the database gives, so a child run comes after its start and before its result. The end of
   * the top run is the last item.
   */
  read(due: readonly string[]): Promise<FollowedInTree[]>;
};

/** Creates a reader of a tree. Of the top run it reads the steps after `after`. */
export function createTreeReader(
  pool: Pool,
  listener: RunListener,
  id: string,
  after = 0,
): TreeReader {
  const reading: Reading = {
    db: queriesOn(pool),
    listener,
    pool,
    cursors: new Map([[id, after]]),
    reported: new Set(),
    places: new Map([[id, { path: [id], agent: null }]]),
  };
  return {
    live: () => [...reading.cursors.keys()],
    async read(due) {
      const items = await readAll(due, reading);
      const end = items.find((item) => item.type === 'end' && item.id === id);
      if (!end) return inOrder(items);
      // one more read finds what was committed before the end
      items.push(...(await readAll([...reading.cursors.keys()], reading)));
      return [...inOrder(items.filter((item) => item !== end)), end];
    },
  };
}

/**
 * Yields the steps of a run and of all runs below it, each new step as it commits, the questions,
 * and the end of each run. Ends with the followed run, or when the signal fires. The end of the
 * followed run is the last item. `decrypt` decrypts contents of ended runs.
 */
export async function* followTree(
  url: string,
  id: string,
  signal: AbortSignal,
  decrypt?: DecryptRows,
): AsyncGenerator<FollowedInTree> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1, numbers: true, decrypt });
  const listener = await openRunListener(url, [id], signal);
  const reader = createTreeReader(pool, listener, id);
  try {
    let due: string[] = [id];
    while (reader.live().includes(id) && !signal.aborted) {
      yield* await reader.read(due);
      due = await listener.nextChanged(reader.live());
    }
  } finally {
    await listener.close();
    await pool.end();
  }
}

/**
 * Reads what is new in runs, and in the runs that they have started. A run whose result is read is
 * read once more, since it has committed the rest of its steps before.
 */
async function readAll(due: readonly string[], reading: Reading): Promise<FollowedInTree[]> {
  const { db, cursors, reported, places } = reading;
  const items: FollowedInTree[] = [];
  const waiting = [...due];
  for (let id = waiting.shift(); id !== undefined; id = waiting.shift()) {
    const place = places.get(id) ?? { path: [id], agent: null };
    for await (const item of readRun(db, id, cursors, reported)) {
      items.push({ ...item, ...place });
      if (item.type === 'end') reading.listener.forget(id);
      const child = childOf(item);
      if (child === undefined) continue;
      if (places.has(child)) {
        if (cursors.has(child)) waiting.push(child);
        continue;
      }
      await follow(child, place, reading);
      waiting.push(child);
    }
  }
  return items;
}

/** Returns the run that a step has started, or whose result it has. */
function childOf(item: FollowedItem): string | undefined {
  if (item.type !== 'step' || !item.step.kind.startsWith('child')) return undefined;
  const id = (item.step.output as { execution_id?: unknown } | null)?.execution_id;
  return typeof id === 'string' ? id : undefined;
}

/** Follows a child run. A run that the caller may not see is left out. */
async function follow(id: string, above: PlaceInTree, reading: Reading): Promise<void> {
  const { db, listener, pool, cursors, places } = reading;
  const row = await findExecutionRow(db, id);
  places.set(id, { path: [...above.path, id], agent: row?.agent ?? row?.workflow ?? null });
  if (!row) return;
  cursors.set(id, 0);
  await listener.watch(pool, id);
}

/** Orders items by time. Items without a time, such as questions, come last. */
function inOrder(items: FollowedInTree[]): FollowedInTree[] {
  const latest = new Map<string, number>();
  const timed = items.map((item) => {
    const at = Math.max(timeOf(item), latest.get(item.id) ?? 0); // keeps the order of each run
    latest.set(item.id, at);
    return { item, at };
  });
  return timed.sort((a, b) => a.at - b.at).map(({ item }) => item);
}

function timeOf(item: FollowedItem): number {
  if (item.type === 'step') return item.step.finished_at.getTime();
  if (item.type === 'end') return item.execution.completed_at?.getTime() ?? Infinity;
  return Infinity;
}
