import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { FeedRow } from '../../db/feed/feed.ts';
import type { StepDetails, StepRow } from '../../db/feed/step-details.ts';
import type { Json } from '../../json/json.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { Execution } from './execution-rows.ts';
import { MergedIterator, mapIterator } from './merge-iterators.ts';
import { askedIn, childOf, eventsOf } from './step-events.ts';

/** The last event that was told: the step and the event's number in it. */
export type RunCursor = { seq: number; n: number };

/** What streams are made of, as somebody who may see it. */
export type Live = {
  hub: Pick<FeedHub, 'tokens'>;
  /** The steps of a run for as long as it may be seen. */
  steps(id: string, after: number): AsyncIterableIterator<FeedRow>;
  story(step: StepRow): Promise<StepDetails>;
  /** The run as it stands; undefined when there is none. */
  find(id: string): Promise<Execution | undefined>;
  /** Whether he sees a run below. */
  isSeen(id: string): Promise<boolean>;
  /** The runs right below one that have not ended, of those he sees. */
  liveChildren(id: string): Promise<string[]>;
};

/** Pieces of an answer may be here before the steps they follow; so many wait for those, the step will have all of it. */
const MOST_EARLY = 500;

/** Events behind those of the last step: an error that is no step, and `complete`. */
const MOST_AT_END = 2;

type LastStep = { kind: string; events: number };
type Item =
  | { of: 'run'; row: FeedRow }
  | { of: 'below'; row: FeedRow }
  | { of: 'tokens'; piece: TokenPiece };

/**
 * What happens in a run behind a cursor, and then as it happens, until it has ended: at last `complete`. Ids are
 * `seq.n`; a step has the same events whenever it is read, so a stream that is cut goes on without a gap or a repeat. What
 * a run below asks people is told too, for as long as it is open, without an id.
 */
export async function* runEvents(
  live: Live,
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
    const early: TokenPiece[] = [];
    const leave = () => merged.close();
    signal.addEventListener('abort', leave);
    if (signal.aborted) leave();
    try {
      // first of all: nothing brings back a piece
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
          if (early.length < MOST_EARLY && item.piece.seq > at.seq) early.push(item.piece);
          yield* inTurn(early, at.seq, run);
        } else if (item.of === 'below') {
          yield* below.tell(item.row, merged);
        } else {
          const { row } = item;
          const { told, message } = await (tellings.get(row) ?? telling(live, row, known));
          known = message ?? known;
          lastStep = { kind: String(row.step.kind), events: told.length };
          const from = row.seq === at.seq ? at.n : 0;
          yield* told.slice(from);
          const isEvent = from <= told.length + MOST_AT_END;
          at = { seq: row.seq, n: isEvent ? Math.max(from, told.length) : told.length };
          yield* inTurn(early, at.seq, run);
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
        at = { seq: last.step_count, n: Number.POSITIVE_INFINITY }; // a cursor that never was
        continue;
      }
      yield* endOf(last, lastStep, at);
      return;
    }
  }
}

/** Many streams are told of the same row: its events are made for the first of them. */
const tellings = new WeakMap<FeedRow, Promise<Telling>>();
type Telling = { told: StreamEvent[]; message: number | undefined };

function telling(live: Live, row: FeedRow, after: number | undefined): Promise<Telling> {
  const { execution_id: id, seq } = row;
  const made = live.story({ id, seq, after }).then((story) => ({
    told: numbered(id, seq, eventsOf(row, story)),
    message: story.messages.at(-1)?.seq,
  }));
  tellings.set(row, made);
  made.catch(() => tellings.delete(row));
  return made;
}

/** The last events go on numbering those of the last step, so that they come again where they stood. */
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
  const isUntold = status === 'failed' && last.kind !== 'error';
  const events = isUntold
    ? [{ event: 'error', data: { agent, error: error as Json } } as const, complete]
    : [complete];
  return numbered(id, seq, events, last.events).slice(Math.max(0, at.n - last.events));
}

type Told = Pick<StreamEvent, 'event' | 'data'>;

function numbered(id: string, seq: number, events: readonly Told[], before = 0): StreamEvent[] {
  return events.map(({ event, data }, index) => ({
    event,
    id: `${seq}.${before + index + 1}`,
    data: { execution_id: id, seq, ...data },
  }));
}

/** Takes out the pieces of the step that comes next; those of steps that are told are of no use any more. */
function inTurn(early: TokenPiece[], told: number, run: Execution): StreamEvent[] {
  const next = early.filter(({ seq }) => seq === told + 1);
  const later = early.filter(({ seq }) => seq > told + 1);
  early.splice(0, early.length, ...later);
  return next.map((piece) => tokenEvent(piece, run));
}

function tokenEvent({ text: content, ...piece }: TokenPiece, run: Execution): StreamEvent {
  const { execution_id, seq, attempt, offset } = piece;
  const place = { execution_id, seq, agent: run.agent ?? run.workflow, attempt };
  return { event: 'token', data: { ...place, ...(offset !== undefined && { offset }), content } };
}

/** Follows the runs below one for what they ask people. */
class Below {
  readonly #live: Live;
  readonly #followed = new Set<string>();
  readonly #told = new Set<string>();

  constructor(live: Live) {
    this.#live = live;
  }

  /** Those that are live already. */
  async begin(id: string, merged: MergedIterator<Item>): Promise<void> {
    for (const child of await this.#live.liveChildren(id)) this.#follow(child, merged);
  }

  /** One that begins with a step, when it does. */
  async began({ step }: FeedRow, merged: MergedIterator<Item>): Promise<void> {
    const child = step.kind === 'child_started' ? childOf(step) : undefined;
    if (child && (await this.#live.isSeen(child))) this.#follow(child, merged);
  }

  /** What a step of one of them asks, when nobody has answered. */
  async *tell(row: FeedRow, merged: MergedIterator<Item>): AsyncGenerator<StreamEvent, void> {
    await this.began(row, merged);
    if (row.step.kind !== 'question') return;
    const { execution_id: id, seq } = row;
    const { agent, question } = await this.#live.story({ id, seq, after: undefined });
    const questionId = String(question?.question_id);
    if (question?.status !== 'open' || this.#told.has(questionId)) return;
    this.#told.add(questionId);
    const data = { execution_id: id, seq, agent, ...askedIn(row.step, question) };
    yield { event: 'ask_user', data };
  }

  #follow(id: string, merged: MergedIterator<Item>): void {
    if (this.#followed.has(id)) return;
    this.#followed.add(id);
    merged.add(mapIterator(this.#live.steps(id, 0), (row): Item => ({ of: 'below', row })));
  }
}
