import type { ListMarks } from '../../db/mcp/sessions.ts';
import type { Caller } from '../caller.ts';
import { etagsOfAll } from '../resources/etags.ts';
import { executionUri, UUID } from '../resources/uris.ts';

export type ListName = keyof ListMarks;
export const LIST_NAMES: readonly ListName[] = ['tools', 'prompts', 'resources'];

/** A change that a client is notified of. */
export type WatchedChange = { list: ListName } | { uri: string };

/**
 * The subscriptions of a client: lists, runs by id, and files by address. Runs and files have the
 * mark that the client knows.
 */
export type WatchedSubscriptions = {
  lists: ReadonlySet<ListName>;
  runs: ReadonlyMap<string, string>;
};

export type WatchOptions = {
  caller: Caller;
  /** Returns the current subscriptions, which may change between two beats. */
  subscriptions(): Promise<WatchedSubscriptions> | WatchedSubscriptions;
  report(change: WatchedChange): Promise<void> | void;
  signal: AbortSignal;
};

/**
 * Interval between two checks of the caller, in milliseconds. Together with the age of a cached
 * check, a caller that has lost access is disconnected within a second.
 */
const BEAT_MS = 450;
/** Number of beats per read of the subscriptions. */
const BEATS_PER_READ = 2;
/** Number of beats per full comparison, which also finds changes that nobody announced. */
const BEATS_PER_COMPARISON = 4;

/** A watched run or file. `isUnwatched` means that no announcements of it arrive now. */
type Watched = { mark: string; stop: AbortController; isUnwatched: boolean };

/**
 * Reports changes until the signal fires. A wake-up only says where to compare. The reported
 * changes are those that the caller may see at that moment. Resolves when all states are known,
 * with the end of the watch. The end rejects when the caller has lost access.
 */
export async function watchChanges(options: WatchOptions): Promise<{ over: Promise<void> }> {
  const watch = new ChangeWatch(options);
  await watch.compareAll();
  return { over: watch.run() };
}

class ChangeWatch {
  readonly #options: WatchOptions;
  readonly #runs = new Map<string, Watched>();
  #lists: ListMarks | undefined;
  #comparing: Promise<unknown> = Promise.resolve();

  constructor(options: WatchOptions) {
    this.#options = options;
  }

  /** Compares at each beat until the signal fires. */
  async run(): Promise<void> {
    const { caller, signal } = this.#options;
    try {
      for (let beat = 1; await waitFor(BEAT_MS, signal); beat += 1) {
        await caller.checkAccess();
        if (beat % BEATS_PER_READ > 0) continue;
        const isFull = beat % BEATS_PER_COMPARISON === 0;
        // After a lost connection, later beats find missed changes.
        await this.#compareAfterUpdate(isFull).catch(() => {});
      }
    } finally {
      for (const { stop } of this.#runs.values()) stop.abort();
    }
  }

  /** Compares everything that the client subscribes to now. */
  compareAll(): Promise<void> {
    return this.#compareAfterUpdate(true);
  }

  async #compareAfterUpdate(isFull: boolean): Promise<void> {
    const lists = await this.#updateSubscriptions();
    if (!isFull && (this.#lists || lists.size === 0)) return;
    await this.#compareLists(lists);
    if (this.#runs.size > 0) await this.#compareRuns([...this.#runs.keys()]);
  }

  /** Reads the subscriptions, and starts and ends watches accordingly. Returns the lists. */
  async #updateSubscriptions(): Promise<ReadonlySet<ListName>> {
    const { lists, runs } = await this.#options.subscriptions();
    // A client that is notified of a run may count on it that its lists are watched, too.
    if (!this.#lists) await this.#compareLists(lists);
    for (const [id, { stop }] of this.#runs) {
      if (runs.has(id)) continue;
      stop.abort();
      this.#runs.delete(id);
    }
    for (const [id, mark] of runs) {
      if (this.#runs.has(id)) continue;
      const run: Watched = { mark, stop: new AbortController(), isUnwatched: true };
      this.#runs.set(id, run);
      this.#watch(id, run);
    }
    return lists;
  }

  /** Compares a run after each announcement. Files have none, and are compared at full beats. */
  #watch(id: string, run: Watched): void {
    if (!UUID.test(id)) return;
    run.isUnwatched = false;
    const compareAfterChanges = async () => {
      const { caller } = this.#options;
      for await (const _ of caller.changes(id, run.stop.signal)) await this.#compareRuns([id]);
    };
    void compareAfterChanges()
      .catch(() => {}) // after a lost connection, the next full beat compares again
      .finally(() => {
        run.isUnwatched = true;
      });
  }

  async #compareLists(wanted: ReadonlySet<ListName>): Promise<void> {
    const before = this.#lists;
    const now = wanted.size > 0 ? await this.#options.caller.lists() : undefined;
    this.#lists = now;
    if (!before || !now) return;
    for (const list of wanted) {
      if (before[list] !== now[list]) await this.#options.report({ list });
    }
  }

  /** Compares runs, one comparison at a time, so that no comparison is overtaken by a later one. */
  #compareRuns(ids: readonly string[]): Promise<void> {
    const result = this.#comparing.then(() => this.#compareMarks(ids));
    this.#comparing = result.catch(() => {});
    return result;
  }

  async #compareMarks(ids: readonly string[]): Promise<void> {
    const marks = await this.#options.caller.transact((client) => etagsOfAll(client, ids));
    for (const [id, mark] of marks) {
      const run = this.#runs.get(id);
      if (!run || run.mark === mark) continue;
      run.mark = mark;
      await this.#options.report({ uri: UUID.test(id) ? executionUri(id) : id });
      if (run.isUnwatched) this.#watch(id, run);
    }
  }
}

/** Waits for a time. Resolves to false if the signal fires in the meantime. */
function waitFor(ms: number, signal: AbortSignal): Promise<boolean> {
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
