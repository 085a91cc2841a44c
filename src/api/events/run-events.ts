import { MergedIterator, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FeedRow } from '../../db/feed/feed.ts';
import type { StepDetails, StepRow } from '../../db/feed/step-details.ts';
import type { Json } from '../../json/json.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { onAbort } from '../http/on-abort.ts';
import { EarlyPieces } from './early-pieces.ts';
import type { Execution } from './run-rows.ts';
import { childOf, eventsOf, questionFields } from './step-events.ts';

/** The last event that was sent: the step, and the number of the event in the step. */
export type RunCursor = { seq: number; n: number };

/** The sources of streams for a caller that may see the run. */
export type RunStreamSources = {
  hub: Pick<FeedHub, 'tokens'>;
  /** Streams the steps of a run for as long as the caller may see the run. */
  steps(id: string, after: number): AsyncIterableIterator<FeedRow>;
  readStepDetails(step: StepRow): Promise<StepDetails>;
  /** Reads the run; undefined if there is none. */
  find(id: string): Promise<Execution | undefined>;
  /** Returns whether the caller sees a child run. */
  isSeen(id: string): Promise<boolean>;
  /** Returns the direct child runs that have not ended and that the caller sees. */
  liveChildren(id: string): Promise<string[]>;
};

/**
 * The place of a stream: the last step, and how many of its events were sent. `all` means every
 * event of the step, when their number is not known yet.
 */
type Position = { seq: number; sent: number | 'all' };

/** Events after those of the last step: an error that is not a step, and `complete`. */
const MOST_AT_END = 2;

type LastStep = { kind: string; events: number };
type Item =
  | { of: 'run'; row: FeedRow }
  | { of: 'child'; row: FeedRow }
  | { of: 'tokens'; piece: TokenPiece };

/**
 * Streams the events of a run after a cursor, then new events, until the run has ended. The last
 * event is `complete`. Ids are `seq.n`. A step has the same events whenever it is read, so that an
 * interrupted stream resumes without a gap or a repeat. The open questions of child runs are sent
 * too, without an id.
 */
export function runEvents(
  sources: RunStreamSources,
  id: string,
  after: RunCursor,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  return new RunEventStream(sources, id, after).follow(signal);
}

/** The reading of a run until its feed ends, with what belongs to this reading alone. */
type Reading = { run: Execution; early: EarlyPieces; children: ChildQuestions };

/** Streams the events of one run once. */
class RunEventStream {
  readonly #sources: RunStreamSources;
  readonly #id: string;
  #position: Position;
  /** The last message whose step was read; undefined if none is known. */
  #lastMessage: number | undefined;
  #lastStep: LastStep = { kind: '', events: 0 };

  constructor(sources: RunStreamSources, id: string, after: RunCursor) {
    this.#sources = sources;
    this.#id = id;
    this.#position = { seq: after.seq, sent: after.n };
    this.#lastMessage = after.seq === 0 ? 0 : undefined;
  }

  /** Reads the feed again if it ended before the run did. */
  async *follow(signal: AbortSignal): AsyncGenerator<StreamEvent, void> {
    while (!signal.aborted) {
      yield* this.#readFeed(signal);
      if (signal.aborted) return;
      const run = await this.#sources.find(this.#id);
      if (!run) return;
      const { seq } = this.#position;
      if (run.completed_at === null || run.step_count > seq) continue;
      if (run.step_count === seq) {
        yield* lastEventsOf(run, this.#lastStep, this.#position);
        return;
      }
      // The cursor is beyond the last step, so no client received it. Only the last events are
      // sent.
      this.#position = { seq: run.step_count, sent: 'all' };
    }
  }

  async *#readFeed(signal: AbortSignal): AsyncGenerator<StreamEvent, void> {
    const merged = new MergedIterator<Item>();
    const children = new ChildQuestions(this.#sources, merged);
    const cancel = onAbort(signal, () => merged.close());
    try {
      // Subscribe to pieces first, because a missed piece is not sent again.
      const pieces = this.#sources.hub.tokens(this.#id);
      merged.add(mapIterator(pieces, (piece): Item => ({ of: 'tokens', piece })));
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
    } else if (item.of === 'child') {
      yield* children.questionIn(item.row);
    } else {
      yield* await this.#newEventsOf(item.row);
      yield* tokenEvents(early.take(item.row.seq), run);
      // children of earlier steps were found by `followExisting`
      if (item.row.seq > run.step_count) await children.followStartedBy(item.row);
    }
  }

  /** Advances to a step of the run, and returns its events that were not sent. */
  async #newEventsOf(row: FeedRow): Promise<StreamEvent[]> {
    const step = stepEvents.get(row) ?? readEvents(this.#sources, row, this.#lastMessage);
    const { events, message } = await step;
    this.#lastMessage = message ?? this.#lastMessage;
    this.#lastStep = { kind: String(row.step.kind), events: events.length };
    const sent = this.#sentOf(row.seq, events.length);
    this.#position = { seq: row.seq, sent: Math.max(sent, events.length) };
    return events.slice(sent);
  }

  /**
   * Returns how many events of a step were sent. After the last step, the number may include the
   * last events (`MOST_AT_END`).
   */
  #sentOf(seq: number, count: number): number {
    if (seq !== this.#position.seq) return 0;
    const { sent } = this.#position;
    const isCounted = sent !== 'all' && sent <= count + MOST_AT_END;
    return isCounted ? sent : count; // a cursor with a higher number never existed
  }
}

/**
 * The events of each row. Many streams send the same row, so its events are made once, for the
 * first stream.
 */
const stepEvents = new WeakMap<FeedRow, Promise<StepEvents>>();
type StepEvents = { events: StreamEvent[]; message: number | undefined };

function readEvents(
  sources: RunStreamSources,
  row: FeedRow,
  after: number | undefined,
): Promise<StepEvents> {
  const { execution_id: id, seq } = row;
  const made = sources.readStepDetails({ id, seq, after }).then((details) => ({
    events: withIds(id, seq, eventsOf(row, details)),
    message: details.messages.at(-1)?.seq,
  }));
  stepEvents.set(row, made);
  made.catch(() => stepEvents.delete(row));
  return made;
}

/**
 * Returns the last events. They continue the numbers of the events of the last step, so that they
 * have the same ids again.
 */
function lastEventsOf(run: Execution, last: LastStep, { sent }: Position): StreamEvent[] {
  const { id, step_count: seq, status, output, output_data, stop_reason, error } = run;
  const { tokens_in, tokens_out, cost } = run;
  const agent = run.agent ?? run.workflow;
  const result = {
    status,
    output,
    output_data: output_data as Json,
    stop_reason,
    error: error as Json,
  };
  const complete = {
    event: 'complete',
    data: { agent, ...result, tokens_in, tokens_out, cost },
  } as const;
  const isUnreported = status === 'failed' && last.kind !== 'error';
  const events = isUnreported
    ? [{ event: 'error', data: { agent, error: error as Json } } as const, complete]
    : [complete];
  const sentAtEnd = sent === 'all' ? 0 : Math.max(0, sent - last.events);
  return withIds(id, seq, events, last.events).slice(sentAtEnd);
}

type EventContent = Pick<StreamEvent, 'event' | 'data'>;

function withIds(
  id: string,
  seq: number,
  events: readonly EventContent[],
  before = 0,
): StreamEvent[] {
  return events.map(({ event, data }, index) => ({
    event,
    id: `${seq}.${before + index + 1}`,
    data: { execution_id: id, seq, ...data },
  }));
}

function tokenEvents(pieces: readonly TokenPiece[], run: Execution): StreamEvent[] {
  return pieces.map(({ execution_id, seq, attempt, offset, text: content }) => {
    const place = { execution_id, seq, agent: run.agent ?? run.workflow, attempt };
    return { event: 'token', data: { ...place, ...(offset !== undefined && { offset }), content } };
  });
}

/** Follows the child runs of a run for their questions. */
class ChildQuestions {
  readonly #sources: RunStreamSources;
  readonly #merged: MergedIterator<Item>;
  readonly #followed = new Set<string>();
  readonly #reported = new Set<string>();

  /** The steps of the child runs are added to `merged`. */
  constructor(sources: RunStreamSources, merged: MergedIterator<Item>) {
    this.#sources = sources;
    this.#merged = merged;
  }

  /** Follows the child runs that are live already. */
  async followExisting(id: string): Promise<void> {
    for (const child of await this.#sources.liveChildren(id)) this.#follow(child);
  }

  /** Follows the child run that a step starts, if it starts one. */
  async followStartedBy({ step }: FeedRow): Promise<void> {
    const child = step.kind === 'child_started' ? childOf(step) : undefined;
    if (child && (await this.#sources.isSeen(child))) this.#follow(child);
  }

  /** Sends the question of a step of a child run, unless the question is answered. */
  async *questionIn(row: FeedRow): AsyncGenerator<StreamEvent, void> {
    await this.followStartedBy(row);
    if (row.step.kind !== 'question') return;
    const { execution_id: id, seq } = row;
    const { agent, question } = await this.#sources.readStepDetails({ id, seq, after: undefined });
    const questionId = String(question?.question_id);
    if (question?.status !== 'open' || this.#reported.has(questionId)) return;
    this.#reported.add(questionId);
    const data = { execution_id: id, seq, agent, ...questionFields(row.step, question) };
    yield { event: 'ask_user', data };
  }

  #follow(id: string): void {
    if (this.#followed.has(id)) return;
    this.#followed.add(id);
    const rows = this.#sources.steps(id, 0);
    this.#merged.add(mapIterator(rows, (row): Item => ({ of: 'child', row })));
  }
}
