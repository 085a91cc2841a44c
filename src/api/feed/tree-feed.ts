import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { Feed, TreeRequest } from '../../db/feed/feed.ts';
import { FeedQueue } from '../../db/feed/feed-queue.ts';
import {
  BUSY_MS,
  ROWS_PER_ORDER,
  type TreePosition,
  type TreeRow,
  type TreeState,
} from '../../db/feed/tree-rows.ts';
import { CoalescedReads } from './coalesced-reads.ts';
import { LAST_PIECES_MS } from './feed-subscriber.ts';
import { followRows, type RowSubscriber } from './row-subscriber.ts';
import { TreeRuns, type TreeRunsOptions } from './tree-runs.ts';

/** Most live runs of a tree that are announced and whose answers stream. Others are polled. */
const MOST_LIVE = 500;
/** Bounds of one read: cursors, and rows of each cursor. */
const CURSORS_PER_READ = 100;
const ROWS_PER_CURSOR = 200;
/**
 * A tree of many live runs rests between two reads, for this many milliseconds for each of them, so
 * that it does not keep the connection busy.
 */
const REST_MS_PER_RUN = 0.4;
const LEAST_RUNS_TO_REST = 50;
/** Most pieces and notes that wait for a slow subscriber. */
const MOST_LIVE_ITEMS = 500;

/** Something that happens in a tree now, and that is not stored. */
export type LiveItem = { of: 'piece'; piece: TokenPiece } | { of: 'note'; note: ToolNote };

type TreeSubscriber = RowSubscriber<TreeRow, TreePosition>;

type Followed = {
  rows: Set<TreeSubscriber>;
  live: Set<FeedQueue<LiveItem>>;
  /** Set while the tree rests. */
  rest?: NodeJS.Timeout;
  isDue: boolean;
};

/**
 * The part of the hub that follows trees: a run with all runs below it.
 *
 * The database has the order of the rows of a tree (`tree_feed.sql`). Each read registers for
 * the live runs, appends new steps to the order, and reads rows from the cursor of each subscriber.
 * So whatever is committed after the read is announced. The slow poll of the hub finds the rest.
 */
export class TreeFeed {
  readonly #options: TreeRunsOptions;
  readonly #trees = new Map<string, Followed>();
  readonly #runs: TreeRuns;
  readonly #reads: CoalescedReads;

  constructor(options: TreeRunsOptions) {
    this.#options = options;
    this.#runs = new TreeRuns(options);
    this.#reads = new CoalescedReads({ ...options, read: (feed, ids) => this.#read(feed, ids) });
  }

  /** The number of open subscriptions. */
  get subscriptions(): number {
    return [...this.#trees.values()].reduce(
      (sum, { rows, live }) => sum + rows.size + live.size,
      0,
    );
  }

  /** Subscribes to the rows of a tree after a position. Ends when the top run has ended. */
  rows(id: string, after: TreePosition): AsyncIterableIterator<TreeRow, undefined> {
    const followed = this.#follow(id);
    const subscriber = followRows<TreeRow, TreePosition>(after, {
      cursorOf: (row) => row.at,
      onRoom: () => this.#requestReads([id]),
      onClose: () => {
        followed.rows.delete(subscriber);
        this.#leave(id, followed);
      },
    });
    followed.rows.add(subscriber);
    this.#requestReads([id]);
    return subscriber.events;
  }

  /**
   * Subscribes to pieces of answers and reports of tools, of the top run and of the live runs below
   * it. A slow subscriber loses some. Ends when the top run has ended.
   */
  live(id: string): AsyncIterableIterator<LiveItem, undefined> {
    const followed = this.#follow(id);
    const queue: FeedQueue<LiveItem> = new FeedQueue<LiveItem>({
      onClose: () => {
        followed.live.delete(queue);
        this.#leave(id, followed);
      },
    });
    followed.live.add(queue);
    for (const run of this.#runs.of(id)) {
      const piece = this.#options.answers.of(run);
      if (piece) queue.push({ of: 'piece', piece });
    }
    this.#requestReads([id]);
    return queue;
  }

  /** Returns whether the feed needs the announcements and the pieces of a run. */
  wants(run: string): boolean {
    return this.#runs.has(run);
  }

  /** Handles the announcement of a run, which may be one that nobody follows here. */
  handleAnnouncement(id: string): void {
    this.#requestReads(this.#runs.topsOf(id));
  }

  offer(run: string, item: LiveItem): void {
    for (const top of this.#runs.topsOf(run)) {
      for (const queue of this.#trees.get(top)?.live ?? []) {
        if (queue.size < MOST_LIVE_ITEMS) queue.push(item);
      }
    }
  }

  /** Requests a read of all trees. With `register`, all registrations are renewed. */
  requestAll({ register }: { register: boolean }): void {
    if (register) this.#runs.forgetRegistrations();
    this.#requestReads(this.#trees.keys());
  }

  /** Ends all subscriptions. The hub closes its connection afterwards. */
  async close(): Promise<void> {
    for (const { rows, live } of [...this.#trees.values()]) {
      for (const subscriber of [...rows]) subscriber.close();
      for (const queue of [...live]) queue.end();
    }
    await this.#reads.settle();
  }

  #follow(id: string): Followed {
    const before = this.#trees.get(id);
    if (before) return before;
    const followed: Followed = { rows: new Set(), live: new Set(), isDue: false };
    this.#trees.set(id, followed);
    this.#runs.addTree(id);
    return followed;
  }

  /** Forgets a tree that nobody follows any more. */
  #leave(id: string, followed: Followed): void {
    if (followed.rows.size + followed.live.size > 0 || this.#trees.get(id) !== followed) return;
    clearTimeout(followed.rest);
    this.#trees.delete(id);
    this.#runs.removeTree(id);
  }

  #requestReads(ids: Iterable<string>): void {
    for (const id of ids) {
      const followed = this.#trees.get(id);
      if (followed?.rest) followed.isDue = true;
      else if (followed) this.#reads.request([id]);
    }
  }

  /** Lets a tree rest. Reads it afterwards if a read was requested meanwhile. */
  #rest(id: string, ms: number): void {
    const followed = this.#trees.get(id);
    if (!followed || followed.rest) return;
    const end = () => {
      delete followed.rest;
      if (followed.isDue) this.#requestReads([id]);
    };
    followed.rest = setTimeout(end, ms).unref();
  }

  async #read(feed: Feed, ids: readonly string[]): Promise<void> {
    await this.#runs.registerTops(feed, ids);
    const states = await feed.treeStates(ids, MOST_LIVE);
    this.#closeGone(ids, states);
    // read again, since these runs may have committed before they were registered
    this.#requestReads(await this.#runs.registerLive(feed, states));
    const behind = states.filter(({ is_behind }) => is_behind).map((one) => one.execution_id);
    const ordered = behind.length > 0 ? await feed.orderTrees(behind, ROWS_PER_ORDER) : new Set();
    const isComplete = (id: string) => !behind.includes(id) || ordered.has(id);
    await this.#deliver(feed, states, isComplete);
    for (const { execution_id: id, live } of states) {
      const rest = live.length * REST_MS_PER_RUN;
      if (live.length >= LEAST_RUNS_TO_REST) this.#rest(id, rest);
      if (isComplete(id)) continue;
      this.#rest(id, BUSY_MS);
      this.#requestReads([id]);
    }
  }

  /** Ends the subscriptions of runs that no longer exist. */
  #closeGone(ids: readonly string[], states: readonly TreeState[]): void {
    const found = new Set(states.map((state) => state.execution_id));
    for (const id of ids) {
      if (!found.has(id)) this.#end(id);
    }
  }

  #end(id: string): void {
    const followed = this.#trees.get(id);
    for (const queue of followed?.live ?? []) setTimeout(() => queue.end(), LAST_PIECES_MS);
    for (const subscriber of [...(followed?.rows ?? [])]) subscriber.close();
  }

  /** Delivers rows to the subscribers that have room. Ends those that have all rows of an end. */
  async #deliver(
    feed: Feed,
    states: readonly TreeState[],
    isComplete: (id: string) => boolean,
  ): Promise<void> {
    const cursors = states.flatMap((state) => this.#cursorsOf(state));
    const byId = new Map(states.map((state) => [state.execution_id, state]));
    while (cursors.length > 0) {
      const some = cursors.splice(0, CURSORS_PER_READ);
      for (const { cursor, rows } of await feed.treeRowsAfter(some, ROWS_PER_CURSOR)) {
        this.#push(cursor, rows);
        const { id, after } = cursor;
        const isAtEnd = byId.get(id)?.has_ended && isComplete(id);
        if (rows.length === ROWS_PER_CURSOR) this.#requestReads([id]);
        else if (isAtEnd) this.#endAt(id, rows.at(-1)?.at ?? after);
      }
    }
  }

  #push({ id, after }: TreeRequest, rows: readonly TreeRow[]): void {
    for (const { execution_id, seq } of rows) this.#options.answers.settle(execution_id, seq);
    for (const subscriber of [...(this.#trees.get(id)?.rows ?? [])]) {
      if (isAt(subscriber.cursor, after)) subscriber.push(rows);
    }
  }

  /** Ends the subscribers of an ended tree that have its last row. */
  #endAt(id: string, last: TreePosition): void {
    const followed = this.#trees.get(id);
    for (const subscriber of [...(followed?.rows ?? [])]) {
      if (isAt(subscriber.cursor, last)) subscriber.close();
    }
    for (const queue of followed?.live ?? []) setTimeout(() => queue.end(), LAST_PIECES_MS);
  }

  /** Returns the cursors of the subscribers of a tree that have room, each once. */
  #cursorsOf({ execution_id: id, has_children, step_count }: TreeState): TreeRequest[] {
    const cursors = new Map<string, TreeRequest>();
    const count = has_children ? undefined : step_count;
    for (const { hasRoom, cursor: after } of this.#trees.get(id)?.rows ?? []) {
      if (hasRoom) cursors.set(`${after.seq} ${after.position}`, { id, after, count });
    }
    return [...cursors.values()];
  }
}

function isAt(a: TreePosition, b: TreePosition): boolean {
  return a.seq === b.seq && a.position === b.position;
}
