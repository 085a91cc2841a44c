import type { ListMarks } from '../../db/mcp/sessions.ts';
import type { Caller } from '../caller.ts';
import { etagsOfAll } from '../resources/etags.ts';
import { executionUri, UUID } from '../resources/uris.ts';

export type ListName = keyof ListMarks;
export const LIST_NAMES: readonly ListName[] = ['tools', 'prompts', 'resources'];

/** What a client is told of. */
export type Change = { list: ListName } | { uri: string };

/** What a client wants to be told of: lists, and runs by their ids and files by their addresses, with the mark they had when it last knew. */
export type Wanted = {
  lists: ReadonlySet<ListName>;
  runs: ReadonlyMap<string, string>;
};

export type WatchOptions = {
  caller: Caller;
  /** Asked at every beat, since it may have come to want something else. */
  wanted(): Promise<Wanted> | Wanted;
  tell(change: Change): Promise<void> | void;
  signal: AbortSignal;
  beatMs?: number;
};

/** So often is looked who still may listen: with the age of an answer to that, whoever may not is out within a second. */
const BEAT_MS = 450;
/** Every so many beats is looked what to listen to. */
const CALM = 2;
/** And every so many everything is looked at, also what nobody announced. */
const SLOW = 4;

type Run = { mark: string; stop: AbortController; isOver: boolean };

/**
 * Tells of changes until the signal fires. Whatever wakes it only says where to look: what is told is what the caller sees then, with his
 * rights at that moment. Resolves once it knows how everything stands, with the end of the watch, which rejects when the caller may not ask
 * any more.
 */
export async function watchChanges(options: WatchOptions): Promise<{ over: Promise<void> }> {
  const { caller, signal, beatMs = BEAT_MS } = options;
  const runs = new Map<string, Run>();
  let lists: ListMarks | undefined;
  let comparing: Promise<unknown> = Promise.resolve();
  /** One look at a time, so that none is overtaken by a later one. */
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
    if (!UUID.test(id)) return; // nobody announces files: the slow beat looks
    run.isOver = false;
    const heed = async () => {
      for await (const _ of caller.changes(id, run.stop.signal)) await compareRuns([id]);
    };
    void heed()
      .catch(() => {}) // a lost database: the slow beat looks again
      .finally(() => {
        run.isOver = true;
      });
  };
  const settle = async () => {
    const { lists: names, runs: now } = await options.wanted();
    if (!lists) await compareLists(names); // who is told of a run may count on it that lists are watched, too
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
        await caller.stillGood();
        if (n % CALM > 0) continue;
        await beat(n).catch(() => {}); // a lost database: what was missed is seen when it is back
      }
    } finally {
      for (const { stop } of runs.values()) stop.abort();
    }
  };
  return { over: go() };
}

/** False when the signal fired meanwhile. */
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
