import { MergedIterator, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FeedRow } from '../../db/feed/feed.ts';
import type { StepDetails, StepRow } from '../../db/feed/step-details.ts';
import type { Json } from '../../json/json.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { EarlyPieces } from './early-pieces.ts';
import type { Execution } from './execution-rows.ts';
import { childOf, eventsOf, questionFields } from './step-events.ts';

/** The last event that was sent: the step, and the number of the event in the step. */
export type RunCursor = { seq: number; n: number };

/** The sources of streams for a caller that may see the run. */
export type RunStreamSources = {
  hub: Pick<FeedHub, 'tokens'>;
  /** Streams the steps of a run for as long as the caller may see the run. */
  steps(id: string, after: number): AsyncIterableIterator<FeedRow>;
  story(step: StepRow): Promise<StepDetails>;
  /** Reads the run; undefined if there is none. */
  find(id: string): Promise<Execution | undefined>;
  /** Returns whether the caller sees a child run. */
  isSeen(id: string): Promise<boolean>;
  /** Returns the direct child runs that have not ended and that the caller sees. */
  liveChildren(id: string): Promise<string[]>;
};

/** Events after those of the last step: an error that is not a step, and `complete`. */
const MOST_AT_END = 2;

type LastStep = { kind: string; events: number };
type Item =
  | { of: 'run'; row: FeedRow }
  | { of: 'below'; row: FeedRow }
  | { of: 'tokens'; piece: TokenPiece };

/**
 * Streams the events of a run after a cursor, then new events, until the run has ended. The last
 * event is `complete`. Ids are `seq.n`. A step has the same events whenever it is read, so that an
 * interrupted stream resumes without a gap or a repeat. The open questions of child runs are sent
 * too, without an id.
 */
export async function* runEvents(
  live: RunStreamSources,
  id: string,
  after: RunCursor,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  let at = after;
  let known = after.seq === 0 ? 0 : undefined;
  let lastStep: LastStep = { kind: '', events: 0 };
  while (!signal.aborted) {
    const below = new Below(live);
    const merged = new MergedIterator<Item>();
    const early = new EarlyPieces();
    const leave = () => merged.close();
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
    try {
      // Subscribe to pieces first, because a missed piece is not sent again.
      merged.add(mapIterator(live.hub.tokens(id), (piece): Item => ({ of: 'tokens', piece })));
      const run = await live.find(id);
      if (!run) return;
      const steps = mapIterator(
        live.steps(id, Math.max(0, at.seq - 1)),
        (row): Item => ({ of: 'run', row }),
      );
      merged.add(steps);
      if (run.completed_at === null) await below.begin(id, merged);
      for (;;) {
        const next = await merged.next();
        if (!next || ('ended' in next && next.ended === steps)) break;
        if ('ended' in next) continue;
        const { value: item } = next;
        if (item.of === 'tokens') {
          yield* tokenEvents(early.offer(item.piece, at.seq), run);
        } else if (item.of === 'below') {
          yield* below.tell(item.row, merged);
        } else {
          const { row } = item;
          const { events, message } = await (stepEvents.get(row) ?? readEvents(live, row, known));
          known = message ?? known;
          lastStep = { kind: String(row.step.kind), events: events.length };
          const from = row.seq === at.seq ? at.n : 0;
          yield* events.slice(from);
          const isEvent = from <= events.length + MOST_AT_END;
          at = { seq: row.seq, n: isEvent ? Math.max(from, events.length) : events.length };
          yield* tokenEvents(early.take(at.seq), run);
          if (row.seq > run.step_count) await below.began(row, merged);
        }
      }
    } finally {
      signal.removeEventListener('abort', leave);
      merged.close();
    }
    const last = signal.aborted ? undefined : await live.find(id);
    if (last && last.completed_at !== null && last.step_count <= at.seq) {
      if (last.step_count < at.seq) {
        at = { seq: last.step_count, n: Number.POSITIVE_INFINITY }; // a cursor that never existed
        continue;
      }
      yield* endOf(last, lastStep, at);
      return;
    }
  }
}

/**
 * The events of each row. Many streams send the same row, so its events are made once, for the
 * first stream.
 */
const stepEvents = new WeakMap<FeedRow, Promise<StepEvents>>();
type StepEvents = { events: StreamEvent[]; message: number | undefined };

function readEvents(
  live: RunStreamSources,
  row: FeedRow,
  after: number | undefined,
): Promise<StepEvents> {
  const { execution_id: id, seq } = row;
  const made = live.story({ id, seq, after }).then((details) => ({
    events: numbered(id, seq, eventsOf(row, details)),
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
function endOf(run: Execution, last: LastStep, at: RunCursor): StreamEvent[] {
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
  return numbered(id, seq, events, last.events).slice(Math.max(0, at.n - last.events));
}

type EventContent = Pick<StreamEvent, 'event' | 'data'>;

function numbered(
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
class Below {
  readonly #live: RunStreamSources;
  readonly #followed = new Set<string>();
  readonly #reported = new Set<string>();

  constructor(live: RunStreamSources) {
    this.#live = live;
  }

  /** Follows the child runs that are live already. */
  async begin(id: string, merged: MergedIterator<Item>): Promise<void> {
    for (const child of await this.#live.liveChildren(id)) this.#follow(child, merged);
  }

  /** Follows the child run that a step starts, if it starts one. */
  async began({ step }: FeedRow, merged: MergedIterator<Item>): Promise<void> {
    const child = step.kind === 'child_started' ? childOf(step) : undefined;
    if (child && (await this.#live.isSeen(child))) this.#follow(child, merged);
  }

  /** Sends the question of a step of a child run, unless the question is answered. */
  async *tell(row: FeedRow, merged: MergedIterator<Item>): AsyncGenerator<StreamEvent, void> {
    await this.began(row, merged);
    if (row.step.kind !== 'question') return;
    const { execution_id: id, seq } = row;
    const { agent, question } = await this.#live.story({ id, seq, after: undefined });
    const questionId = String(question?.question_id);
    if (question?.status !== 'open' || this.#reported.has(questionId)) return;
    this.#reported.add(questionId);
    const data = { execution_id: id, seq, agent, ...questionFields(row.step, question) };
    yield { event: 'ask_user', data };
  }

  #follow(id: string, merged: MergedIterator<Item>): void {
    if (this.#followed.has(id)) return;
    this.#followed.add(id);
    merged.add(mapIterator(this.#live.steps(id, 0), (row): Item => ({ of: 'below', row })));
  }
}
