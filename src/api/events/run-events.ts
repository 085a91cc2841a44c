import { MergedIterator, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import type { Execution } from '../../operations/runs/run-rows.ts';
import { onAbort } from '../http/on-abort.ts';
import { ChildQuestions } from './child-questions.ts';
import { EarlyPieces } from './early-pieces.ts';
import {
  type EventContent,
  lastEventsOf,
  progressEvent,
  type RunStreamSources,
  readEvents,
  tokenEvent,
  withIds,
  withPath,
} from './stream-events.ts';
import { readTree, type TreeItem, type TreeStreamSources } from './tree-reader.ts';

/**
 * The last event that was sent: the step, and the number of the event in the step. With `position`,
 * the event belongs to a run below: to the row at this position of the tree, after the step.
 */
export type RunCursor = { seq: number; n: number; position?: number };

/**
 * The place of a stream: the last step, and how many of its events were sent. `all` means every
 * event of the step, when their number is not known yet.
 */
type Position = { seq: number; sent: number | 'all' };

/** Events after those of the last step: an error that is not a step, and `complete`. */
const MAX_AT_END = 2;

type LastStep = { seq: number; kind: string; events: number };
type Item =
  | { of: 'run'; row: FeedRow }
  | { of: 'child'; row: FeedRow }
  | { of: 'tokens'; piece: TokenPiece }
  | { of: 'note'; note: ToolNote };

export type RunEventsOptions = {
  /** True to also send the events of all runs below the run. */
  tree?: boolean | undefined;
};

/**
 * Streams the events of a run after a cursor, then new events, until the run has ended. The last
 * event is `complete`. Ids are `seq.n`. A step has the same events whenever it is read, so that an
 * interrupted stream resumes without a gap or a repeat. The open questions of child runs are sent
 * too, without an id.
 *
 * With `tree`, the events of all runs below are sent as well, with ids `seq-position.n` and the
 * path of each event. An id of either kind is a cursor of either stream.
 */
export function runEvents(
  sources: RunStreamSources & TreeStreamSources,
  id: string,
  after: RunCursor,
  signal: AbortSignal,
  { tree = false }: RunEventsOptions = {},
): AsyncGenerator<StreamEvent, void> {
  return new RunEventStream(sources, id, after, tree).follow(signal);
}

/** The reading of a run until its feed ends, with what belongs to this reading alone. */
type Reading = { run: Execution; early: EarlyPieces; children: ChildQuestions<Item> };

/** Streams the events of one run once. */
class RunEventStream {
  readonly #sources: RunStreamSources & TreeStreamSources;
  readonly #id: string;
  /** The path of the events of the run, if its tree is streamed. */
  readonly #path: readonly string[] | undefined;
  #position: Position;
  /** The last row below the run that was read in this tree. */
  #below: { position: number; sent: number } | undefined;
  /** The last message whose step was read; undefined if none is known. */
  #lastMessage: number | undefined;
  #lastStep: LastStep | undefined;

  constructor(
    sources: RunStreamSources & TreeStreamSources,
    id: string,
    { seq, n, position = 0 }: RunCursor,
    isTree: boolean,
  ) {
    this.#sources = sources;
    this.#id = id;
    this.#path = isTree ? [id] : undefined;
    this.#position = { seq, sent: position > 0 ? 'all' : n };
    this.#below = position > 0 ? { position, sent: n } : undefined;
    this.#lastMessage = seq === 0 ? 0 : undefined;
  }

  /** Reads the feed again if it ended before the run did. */
  async *follow(signal: AbortSignal): AsyncGenerator<StreamEvent, void> {
    while (!signal.aborted) {
      yield* this.#path ? this.#readTree(signal) : this.#readFeed(signal);
      if (signal.aborted) return;
      const run = await this.#sources.find(this.#id);
      if (!run) return;
      const { seq } = this.#position;
      if (run.completed_at === null || run.step_count > seq) continue;
      if (run.step_count === seq) {
        yield* await this.#lastEventsOf(run);
        return;
      }
      // The cursor is beyond the last step, so no client received it. Only the last events are
      // sent.
      this.#position = { seq: run.step_count, sent: 'all' };
    }
  }

  async *#readFeed(signal: AbortSignal): AsyncGenerator<StreamEvent, void> {
    const merged = new MergedIterator<Item>();
    const children = new ChildQuestions<Item>(this.#sources, merged);
    const cancel = onAbort(signal, () => merged.close());
    try {
      // Subscribe to pieces first, because a missed piece is not sent again.
      const { hub } = this.#sources;
      const pieces = hub.tokens(this.#id);
      merged.add(mapIterator(pieces, (piece): Item => ({ of: 'tokens', piece })));
      merged.add(mapIterator(hub.notes.stream(this.#id), (note): Item => ({ of: 'note', note })));
      const run = await this.#sources.find(this.#id);
      if (!run) return;
      // one step back: some events of the cursor's step may not have been sent
      const rows = this.#sources.steps(this.#id, Math.max(0, this.#position.seq - 1));
      const steps = mapIterator(rows, (row): Item => ({ of: 'run', row }));
      merged.add(steps);
      if (run.completed_at === null) await children.followExisting(this.#id);
      const reading = { run, children, early: new EarlyPieces() };
      for (;;) {
        const next = await merged.next();
        if (!next || ('ended' in next && next.ended === steps)) return;
        if ('value' in next) yield* this.#eventsOf(next.value, reading);
      }
    } finally {
      cancel();
      merged.close();
    }
  }

  async *#eventsOf(
    item: Item,
    { run, early, children }: Reading,
  ): AsyncGenerator<StreamEvent, void> {
    if (item.of === 'tokens') {
      yield* tokenEvents(early.offer(item.piece, this.#position.seq), run);
    } else if (item.of === 'note') {
      yield* progressEvents(item.note, run);
    } else if (item.of === 'child') {
      yield* children.questionIn(item.row);
    } else {
      yield* await this.#newEventsOf(item.row);
      yield* tokenEvents(early.take(item.row.seq), run);
      // children of earlier steps were found by `followExisting`
      if (item.row.seq > run.step_count) await children.followStartedBy(item.row);
    }
  }

  async *#readTree(signal: AbortSignal): AsyncGenerator<StreamEvent, void> {
    const early = new EarlyPieces();
    const run = await this.#sources.find(this.#id);
    if (!run) return;
    const { seq } = this.#position;
    const cursor = { seq, position: 0, sent: 0, ...this.#below };
    for await (const item of readTree(this.#sources, this.#id, cursor, signal)) {
      if (item.of === 'top') {
        yield* await this.#newEventsOf(item.row);
        yield* tokenEvents(early.take(item.row.seq), run, this.#path);
      } else if (item.of === 'below') {
        yield* this.#belowEvent(item);
      } else if (item.item.of === 'piece') {
        const pieces = early.offer(item.item.piece, this.#position.seq);
        yield* tokenEvents(pieces, run, this.#path);
      } else yield* progressEvents(item.item.note, run, this.#path);
    }
  }

  *#belowEvent({ event, at }: Extract<TreeItem, { of: 'below' }>): Generator<StreamEvent> {
    if (!event) return;
    if (at) {
      if (this.#isEndSent) return; // what comes before the end was sent
      const n = Number(event.id?.split('.').at(-1));
      this.#position = { seq: at.seq, sent: 'all' };
      this.#below = { position: at.position, sent: n };
    }
    yield event;
  }

  /** True if the last events after the last step were sent, when the stream was cut. */
  get #isEndSent(): boolean {
    const { seq, sent } = this.#position;
    const last = this.#lastStep;
    return last?.seq === seq && sent !== 'all' && sent > last.events;
  }

  /** Advances to a step of the run, and returns its events that were not sent. */
  async #newEventsOf(row: FeedRow): Promise<StreamEvent[]> {
    const { events, message } = await readEvents(this.#sources, row, this.#lastMessage);
    this.#lastMessage = message ?? this.#lastMessage;
    this.#lastStep = { seq: row.seq, kind: String(row.step.kind), events: events.length };
    const sent = this.#sentOf(row.seq, events.length);
    this.#position = { seq: row.seq, sent: Math.max(sent, events.length) };
    this.#below = undefined;
    return withCachedIds(row, events, this.#path).slice(sent);
  }

  /**
   * Returns how many events of a step were sent. After the last step, the number may include the
   * last events (`MAX_AT_END`).
   */
  #sentOf(seq: number, count: number): number {
    if (seq !== this.#position.seq) return 0;
    const { sent } = this.#position;
    const isCounted = sent !== 'all' && sent <= count + MAX_AT_END;
    return isCounted ? sent : count; // a cursor with a higher number never existed
  }

  /**
   * Returns the last events. They continue the numbers of the events of the last step, so that they
   * have the same ids again.
   */
  async #lastEventsOf(run: Execution): Promise<StreamEvent[]> {
    const { seq, sent } = this.#position;
    const last = await this.#stepAt(seq);
    const events = lastEventsOf(run, last.kind);
    const sentAtEnd = sent === 'all' ? 0 : Math.max(0, sent - last.events);
    return withIds(seq, events, { before: last.events, path: this.#path }).slice(sentAtEnd);
  }

  /** Returns a step of the run, which a stream of a tree may have passed before it was cut. */
  async #stepAt(seq: number): Promise<LastStep> {
    if (this.#lastStep?.seq === seq) return this.#lastStep;
    const none = { seq, kind: '', events: 0 };
    if (seq === 0 || !this.#below) return none;
    const rows = this.#sources.steps(this.#id, seq - 1);
    const { value: row } = await rows.next();
    void rows.return?.();
    if (!row) return none;
    const { events } = await readEvents(this.#sources, row, undefined);
    return { seq, kind: String(row.step.kind), events: events.length };
  }
}

/** Identified events by row, because many streams send the same row. */
const identifiedEvents = new WeakMap<FeedRow, StreamEvent[]>();

function withCachedIds(
  row: FeedRow,
  events: readonly EventContent[],
  path: readonly string[] | undefined,
): StreamEvent[] {
  const known = identifiedEvents.get(row);
  if (known) return known;
  const made = withIds(row.seq, events, { path });
  identifiedEvents.set(row, made);
  return made;
}

function tokenEvents(
  pieces: readonly TokenPiece[],
  run: Execution,
  path?: readonly string[],
): StreamEvent[] {
  return pieces.map((piece) => locateEvent(tokenEvent(piece, run.agent ?? run.workflow), path));
}

function progressEvents(note: ToolNote, run: Execution, path?: readonly string[]): StreamEvent[] {
  const event = progressEvent(note, run.agent ?? run.workflow);
  return event ? [locateEvent(event, path)] : [];
}

function locateEvent(event: StreamEvent, path: readonly string[] | undefined): StreamEvent {
  return path ? { ...event, data: withPath(event.data, path) } : event;
}
