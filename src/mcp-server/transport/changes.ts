import type { ListMarks } from '../../db/mcp/sessions.ts';
import type { Caller } from '../caller.ts';
import { etagsOfAll } from '../resources/etags.ts';
import { executionUri, UUID } from '../resources/uris.ts';

export type ListName = keyof ListMarks;
export const LIST_NAMES: readonly ListName[] = ['tools', 'prompts', 'resources'];

/** A change that a client is notified of. */
export type Change = { list: ListName } | { uri: string };

/**
 * The subscriptions of a client: lists, runs by id, and files by address. Runs and files have the
 * mark that the client knows.
 */
export type Wanted = {
  lists: ReadonlySet<ListName>;
  runs: ReadonlyMap<string, string>;
};

export type WatchOptions = {
  caller: Caller;
  /** Returns the current subscriptions, which may change between two beats. */
  wanted(): Promise<Wanted> | Wanted;
  tell(change: Change): Promise<void> | void;
  signal: AbortSignal;
  beatMs?: number;
};

/**
 * Interval between two checks of the caller, in milliseconds. Together with the age of a cached
 * check, a caller that has lost access is disconnected within a second.
 */
const BEAT_MS = 450;
/** Number of beats per read of the subscriptions. */
const CALM = 2;
/** Number of beats per full comparison, which also finds changes that nobody announced. */
const SLOW = 4;

type Run = { mark: string; stop: AbortController; isOver: boolean };

/**
 * Reports changes until the signal fires. A wake-up only says where to compare. The reported
 * changes are those that the caller may see at that moment. Resolves when all states are known,
 * with the end of the watch. The end rejects when the caller has lost access.
 */
export async function watchChanges(options: WatchOptions): Promise<{ over: Promise<void> }> {
  const { caller, signal, beatMs = BEAT_MS } = options;
  const runs = new Map<string, Run>();
  let lists: ListMarks | undefined;
  let comparing: Promise<unknown> = Promise.resolve();
  /** Compares runs, one comparison at a time, so that no comparison is overtaken by a later one. */
  const compareRuns = (ids: readonly string[]): Promise<void> => {
    const done = comparing.then(() => compare(ids));
    comparing = done.catch(() => {});
    return done;
  };
  const compare = async (ids: readonly string[]) => {
    const marks = await caller.transact((client) => etagsOfAll(client, ids));
    for (const [id, mark] of marks) {
      const run = runs.get(id);
      if (!run || run.mark === mark) continue;
      run.mark = mark;
      await options.tell({ uri: UUID.test(id) ? executionUri(id) : id });
      if (run.isOver) follow(id, run);
    }
  };
  const compareLists = async (wanted: ReadonlySet<ListName>) => {
    const before = lists;
    lists = wanted.size > 0 ? await caller.lists() : undefined;
    if (!before || !lists) return;
    for (const list of wanted) if (before[list] !== lists[list]) await options.tell({ list });
  };
  const follow = (id: string, run: Run) => {
    if (!UUID.test(id)) return; // changes of files are not announced; the slow beat finds them
    run.isOver = false;
    const heed = async () => {
      for await (const _ of caller.changes(id, run.stop.signal)) await compareRuns([id]);
    };
    void heed()
      .catch(() => {}) // after a lost connection, the slow beat compares again
      .finally(() => {
        run.isOver = true;
      });
  };
  const settle = async () => {
    const { lists: names, runs: now } = await options.wanted();
    // A client that is notified of a run may count on it that its lists are watched, too.
    if (!lists) await compareLists(names);
    for (const [id, { stop }] of runs) {
      if (now.has(id)) continue;
      stop.abort();
      runs.delete(id);
    }
    for (const [id, mark] of now) {
      if (runs.has(id)) continue;
      const run: Run = { mark, stop: new AbortController(), isOver: true };
      runs.set(id, run);
      follow(id, run);
    }
    return names;
  };
  const beat = async (n: number) => {
    const names = await settle();
    if (n % SLOW > 0 && (lists || names.size === 0)) return;
    await compareLists(names);
    if (runs.size > 0) await compareRuns([...runs.keys()]);
  };
  await beat(0);
  const go = async () => {
    try {
      for (let n = 1; await passed(beatMs, signal); n += 1) {
        await caller.checkAccess();
        if (n % CALM > 0) continue;
        await beat(n).catch(() => {}); // after a lost connection, later beats find missed changes
      }
    } finally {
      for (const { stop } of runs.values()) stop.abort();
    }
  };
  return { over: go() };
}

/** Waits for a time. Resolves to false if the signal fires in the meantime. */
function passed(ms: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const leave = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave);
      resolve(true);
    }, ms);
    signal.addEventListener('abort', leave, { once: true });
  });
}
