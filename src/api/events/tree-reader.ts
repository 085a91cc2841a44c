import { MergedIterator, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FeedRow, RunPlace, TreePosition, TreeRow } from '../../db/feed/tree-rows.ts';
import type { LiveItem } from '../../db/followers/announcements.ts';
import type { Execution } from '../../operations/runs/run-rows.ts';
import { onAbort } from '../http/on-abort.ts';
import { FRESH_MS } from '../login/cached-loader.ts';
import { EarlyPieces } from './early-pieces.ts';
import { childOf } from './step-events.ts';
import type { RunStreamSources } from './stream-events.ts';
import {
  completeEvent,
  type EventContent,
  EventLookups,
  progressEvent,
  readEvents,
  tokenEvent,
  withIds,
  withPath,
} from './stream-events.ts';

/**
 * The sources of streams of trees. A caller who may see the top run may be forbidden to see some
 * runs below it.
 */
export type TreeStreamSources = Pick<RunStreamSources, 'readStepDetails' | 'find' | 'isSeen'> & {
  /**
   * Streams the rows of a tree for as long as the caller may see the top run. Calls `prepare` with
   * many rows before the first of them is returned.
   */
  tree(
    id: string,
    after: TreePosition,
    prepare: (row: TreeRow) => void,
  ): AsyncIterableIterator<TreeRow>;
  /** Streams the pieces and notes of a tree, which are not stored. */
  treeLive(id: string): AsyncIterableIterator<LiveItem>;
  /** Returns the place of a run in its tree; undefined if there is no such run. */
  placeOf(id: string): Promise<RunPlace | undefined>;
  /** Returns the last step of each run below the top run up to a position. */
  treeCursors(id: string, at: TreePosition): Promise<Map<string, number>>;
  /** Returns the last position below a run, with everything that is committed now. */
  lastPosition(id: string): Promise<number>;
  /** Returns the position of the last question below a run after its step `seq`; 0 if none. */
  positionOfQuestion(id: string, seq: number): Promise<number>;
};

/** A position in a tree, and how many events of its row were sent. */
export type TreeCursor = TreePosition & { sent: number };

/** An item of a tree: a raw row or piece of the top run, or an event of a run below. */
export type TreeItem =
  | { of: 'top'; row: FeedRow }
  | { of: 'live'; item: LiveItem }
  /**
   * An event below the top run. `at` is absent for an event that is not stored. `event` is absent
   * for a row without events that the caller may see.
   */
  | { of: 'below'; event?: StreamEvent; at?: TreePosition };

type Merged = { of: 'row'; row: TreeRow } | { of: 'live'; item: LiveItem };

/**
 * Reads a tree from a cursor, until the top run has ended or the signal fires. Rows come in the
 * order of the tree, in which a cursor has one meaning for all readers. Yields the row of the
 * cursor again if it belongs to the top run.
 */
export async function* readTree(
  sources: TreeStreamSources,
  id: string,
  cursor: TreeCursor,
  signal: AbortSignal,
): AsyncGenerator<TreeItem, void> {
  const merged = new MergedIterator<Merged>();
  const cancel = onAbort(signal, () => merged.close());
  try {
    // Subscribe to pieces first, because a missed piece is not sent again.
    merged.add(mapIterator(sources.treeLive(id), (item): Merged => ({ of: 'live', item })));
    const below = await RunsBelow.open(sources, id, cursor);
    // one row back: some events of the cursor's row may not have been sent
    const before = { seq: cursor.seq, position: cursor.position - 1 };
    const treeRows = sources.tree(id, before, (row) => below.prepare(row));
    const rows = mapIterator(treeRows, (row): Merged => ({ of: 'row', row }));
    merged.add(rows);
    for (;;) {
      const next = await merged.next();
      if (!next || ('ended' in next && next.ended === rows)) return;
      if ('value' in next) yield* itemsOf(next.value, id, below);
    }
  } finally {
    cancel();
    merged.close();
  }
}

async function* itemsOf(next: Merged, id: string, below: RunsBelow): AsyncGenerator<TreeItem> {
  if (next.of === 'live') {
    if (runOf(next.item) === id) yield next;
    else for (const event of await below.live(next.item)) yield { of: 'below', event };
    return;
  }
  const { at, row, execution_id } = next.row;
  if (execution_id === id) {
    if (row) yield { of: 'top', row };
    for (const event of row ? await below.startedBy(row) : []) yield { of: 'below', event };
    return;
  }
  const events = await below.eventsOf(next.row);
  if (!events.some(({ id }) => id !== undefined)) yield { of: 'below', at };
  for (const event of events) {
    yield event.id === undefined ? { of: 'below', event } : { of: 'below', event, at };
  }
}

function runOf(item: LiveItem): string {
  return item.of === 'piece' ? item.piece.execution_id : item.note.execution_id;
}

/** Most ended runs whose last step a stream remembers. Their last pieces may come after the end. */
const MAX_ENDED = 500;

/** The state of one run below, as a stream has read it. */
type RunBelow = {
  /** The runs from the top to this one; undefined if the run is gone. */
  path: string[] | undefined;
  agent: string | null;
  early: EarlyPieces;
  /** The last step that was read. */
  seq: number;
  /** The last message whose step was read; undefined if none is known. */
  message: number | undefined;
  /** True if the caller sees the run; `checkedAt` is the time of that check. */
  isSeen: boolean;
  checkedAt: number;
};

/** The runs below the top run of one stream. A run is forgotten when its end is read. */
class RunsBelow {
  readonly #sources: TreeStreamSources;
  readonly #top: string;
  readonly #cursor: TreeCursor;
  readonly #runs = new Map<string, Promise<RunBelow>>();
  /** The last step of the runs that ended most recently. */
  readonly #ended = new Map<string, number>();
  /** The last step of each run before the cursor. */
  readonly #before: ReadonlyMap<string, number>;
  readonly #events: EventLookups;
  /** The lookups of ends that were prepared. */
  readonly #ends = new WeakMap<TreeRow, Promise<Execution | undefined>>();
  /** The runs whose start was read, if the stream began at the beginning. */
  readonly #started: Set<string> | undefined;

  static async open(sources: TreeStreamSources, top: string, cursor: TreeCursor) {
    const before = isBeginning(cursor) ? new Map() : await sources.treeCursors(top, cursor);
    return new RunsBelow(sources, top, cursor, before);
  }

  constructor(
    sources: TreeStreamSources,
    top: string,
    cursor: TreeCursor,
    before: ReadonlyMap<string, number>,
  ) {
    this.#sources = sources;
    this.#events = new EventLookups(sources);
    this.#top = top;
    this.#cursor = cursor;
    this.#before = before;
    this.#started = isBeginning(cursor) ? new Set() : undefined;
  }

  /** Begins the lookups of a row, which share queries with those of other rows. */
  prepare(treeRow: TreeRow): void {
    const { row, execution_id } = treeRow;
    if (row) this.#events.begin(row);
    if (execution_id === this.#top) return;
    this.#runOf(execution_id)
      .then((run) => this.#isSeen(run))
      .catch(() => {}); // made again when the row is due
    if (row) return;
    const end = this.#sources.find(execution_id);
    end.catch(() => {});
    this.#ends.set(treeRow, end);
  }

  /** Returns the events of a row that the caller may see and that were not sent. */
  async eventsOf(treeRow: TreeRow): Promise<StreamEvent[]> {
    const { at, execution_id, seq, row } = treeRow;
    const run = await this.#runOf(execution_id);
    if (row) this.#ended.delete(execution_id);
    else this.#forget(execution_id, seq);
    const isStarted = run.seq === 0;
    run.seq = Math.max(run.seq, seq);
    if (!(await this.#isSeen(run))) return [];
    const { path } = run;
    if (!row) {
      const contents = await this.#endOf(treeRow);
      return this.#unsent(at, withIds(placeText(at), contents, { path }));
    }
    const after = run.message ?? (isStarted && seq === 1 ? 0 : undefined);
    const { events, message } = await readEvents(this.#sources, row, after);
    run.message = message ?? run.message;
    const stored = this.#unsent(at, withIds(placeText(at), events, { path }));
    const tokens = run.early.take(seq).map((piece) => tokenBelow(piece, run));
    return [...stored, ...tokens, ...(await this.startedBy(row))];
  }

  /** Returns the pieces of a run that came before the step that starts it. */
  async startedBy({ step }: FeedRow): Promise<StreamEvent[]> {
    const child = step.kind === 'child_started' ? childOf(step) : undefined;
    if (child === undefined) return [];
    this.#started?.add(child);
    const run = await this.#runs.get(child);
    return run ? run.early.take(run.seq).map((piece) => tokenBelow(piece, run)) : [];
  }

  /** Returns the events of a piece or note, which is not stored, if the caller may see the run. */
  async live(item: LiveItem): Promise<StreamEvent[]> {
    const last = this.#ended.get(runOf(item));
    if (last !== undefined && (item.of === 'note' || item.piece.seq <= last)) return [];
    const run = await this.#runOf(runOf(item));
    if (!(await this.#isSeen(run))) return [];
    if (item.of === 'piece') {
      const { piece } = item;
      const isStarted = this.#started?.has(piece.execution_id) ?? true;
      const settled = isStarted || run.seq > 0 ? run.seq : -1; // -1 holds the piece
      return run.early.offer(piece, settled).map((next) => tokenBelow(next, run));
    }
    const event = progressEvent(item.note, run.agent);
    return event && run.path ? [{ ...event, data: withPath(event.data, run.path) }] : [];
  }

  /** Returns `complete`, unless the run went on after this end. */
  async #endOf(treeRow: TreeRow): Promise<EventContent[]> {
    const run = await (this.#ends.get(treeRow) ?? this.#sources.find(treeRow.execution_id));
    const isEnd = run && run.completed_at !== null && run.step_count === treeRow.seq;
    return isEnd ? [completeEvent(run)] : [];
  }

  /** Forgets a run that has ended. If the run goes on, its next row makes it known again. */
  #forget(id: string, seq: number): void {
    this.#runs.delete(id);
    this.#events.forget(id);
    this.#started?.delete(id);
    this.#ended.delete(id); // the newest comes last
    this.#ended.set(id, seq);
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > MAX_ENDED && oldest !== undefined) this.#ended.delete(oldest);
  }

  #unsent(at: TreePosition, events: StreamEvent[]): StreamEvent[] {
    const { seq, position, sent } = this.#cursor;
    return at.seq === seq && at.position === position ? events.slice(sent) : events;
  }

  #runOf(id: string): Promise<RunBelow> {
    const known = this.#runs.get(id);
    if (known) return known;
    const run = this.#sources.placeOf(id).then((place): RunBelow => {
      const all = place && [...place.ancestors, id];
      return {
        path: all?.slice(all.indexOf(this.#top)),
        agent: place?.agent ?? null,
        early: new EarlyPieces(),
        seq: this.#ended.get(id) ?? this.#before.get(id) ?? 0,
        message: undefined,
        isSeen: false,
        checkedAt: Number.NEGATIVE_INFINITY,
      };
    });
    this.#runs.set(id, run);
    run.catch(() => this.#runs.delete(id));
    return run;
  }

  /** Returns whether the caller sees a run and all runs between it and the top run. */
  async #isSeen(run: RunBelow): Promise<boolean> {
    const now = performance.now();
    if (now - run.checkedAt < FRESH_MS) return run.isSeen;
    const seen = await Promise.all((run.path ?? []).slice(1).map(this.#sources.isSeen));
    run.checkedAt = now;
    run.isSeen = run.path !== undefined && seen.every(Boolean);
    return run.isSeen;
  }
}

function isBeginning({ seq, position }: TreePosition): boolean {
  return seq === 0 && position === 0;
}

function tokenBelow(piece: TokenPiece, { agent, path }: RunBelow): StreamEvent {
  const { event, data } = tokenEvent(piece, agent);
  return { event, data: withPath(data, path ?? []) };
}

/** Returns the part of an id that names a row: `seq`, or `seq-position` below the top run. */
function placeText({ seq, position }: TreePosition): string {
  return position === 0 ? `${seq}` : `${seq}-${position}`;
}
