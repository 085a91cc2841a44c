import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { StepDetails, StepRow } from '../../db/feed/step-details.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import type { Json } from '../../json/json.ts';
import type { Execution } from '../../operations/runs/run-rows.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { eventsOf } from './step-events.ts';

/** The sources of streams for a caller that may see the run. */
export type RunStreamSources = {
  hub: Pick<FeedHub, 'tokens' | 'notes'>;
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

/** The events of a step, and the last message up to the step, if it was read. */
export type StepEvents = { events: EventContent[]; message: number | undefined };

export type EventContent = Pick<StreamEvent, 'event' | 'data'>;

/**
 * The events of each row. Many streams send the same row, so its events are made once, for the
 * first stream.
 */
const stepEvents = new WeakMap<FeedRow, Promise<StepEvents>>();

/** Reads the events of a step. `after` is the last known message of its run. */
export function readEvents(
  sources: { readStepDetails(step: StepRow): Promise<StepDetails> },
  row: FeedRow,
  after: number | undefined,
): Promise<StepEvents> {
  const known = stepEvents.get(row);
  if (known) return known;
  const { execution_id, seq } = row;
  const made = sources.readStepDetails({ id: execution_id, seq, after }).then((details) => ({
    events: eventsOf(row, details).map(({ event, data }) => ({
      event,
      data: { execution_id, seq, ...data },
    })),
    message: details.last_message ?? undefined,
  }));
  stepEvents.set(row, made);
  made.catch(() => stepEvents.delete(row));
  return made;
}

/**
 * Starts to look up the events of steps before their rows are due. Each lookup starts at the last
 * known message of its run, which the lookup of an earlier step found.
 */
export class EventLookups {
  readonly #sources: Parameters<typeof readEvents>[0];
  /** A message of each run before the steps whose lookups have not begun. */
  readonly #messages = new Map<string, Promise<number | undefined>>();

  constructor(sources: Parameters<typeof readEvents>[0]) {
    this.#sources = sources;
  }

  /**
   * Begins the lookup of a step. While no message of the run is known, its lookups wait for the
   * first one, which reads all messages. A failed lookup is made again when the row is due.
   */
  begin(row: FeedRow): void {
    const { execution_id: run, seq } = row;
    if (seq === 1) this.#messages.set(run, Promise.resolve(0));
    const known = this.#messages.get(run);
    const read = async () => {
      const after = await known;
      const { message = after } = await readEvents(this.#sources, row, after);
      return message;
    };
    const message = read().catch(() => known);
    if (!known) this.#messages.set(run, message);
    else void message.then((found) => this.#messages.set(run, Promise.resolve(found)));
  }

  forget(run: string): void {
    this.#messages.delete(run);
  }
}

/**
 * Gives events the ids `place.n`, numbered from `before + 1`, and the path of their run in a tree.
 */
export function withIds(
  place: string | number,
  events: readonly EventContent[],
  { before = 0, path }: { before?: number; path?: readonly string[] | undefined } = {},
): StreamEvent[] {
  return events.map(({ event, data }, index) => ({
    event,
    id: `${place}.${before + index + 1}`,
    data: path ? withPath(data, path) : data,
  }));
}

/** Adds the path to the data of an event, behind the id of its run. */
export function withPath(data: StreamEvent['data'], path: readonly string[]): StreamEvent['data'] {
  const { execution_id = null, ...others } = data;
  return { execution_id, path: [...path], ...others };
}

/** Returns the event `complete` of a run that has ended. */
export function completeEvent(run: Execution): EventContent {
  const { id: execution_id, step_count: seq, status, output, output_data, stop_reason } = run;
  const { finish_reason, error, tokens_in, tokens_out, cost } = run;
  const agent = run.agent ?? run.workflow;
  const result = {
    status,
    output,
    output_data: output_data as Json,
    stop_reason,
    finish_reason,
    error: error as Json,
  };
  return {
    event: 'complete',
    data: { execution_id, seq, agent, ...result, tokens_in, tokens_out, cost },
  };
}

/** Returns the last events of a run: an error that is not a step, and `complete`. */
export function lastEventsOf(run: Execution, lastKind: string): EventContent[] {
  const { id: execution_id, step_count: seq, status, error } = run;
  const agent = run.agent ?? run.workflow;
  const complete = completeEvent(run);
  const isUnreported = status === 'failed' && lastKind !== 'error';
  if (!isUnreported) return [complete];
  return [{ event: 'error', data: { execution_id, seq, agent, error: error as Json } }, complete];
}

/** Returns the event of a piece of an answer. */
export function tokenEvent(piece: TokenPiece, agent: string | null): StreamEvent {
  const { execution_id, seq, attempt, offset, text: content } = piece;
  const place = { execution_id, seq, agent, attempt };
  return { event: 'token', data: { ...place, ...(offset !== undefined && { offset }), content } };
}

/** Returns the event of a report of a tool; undefined for a log message. */
export function progressEvent(note: ToolNote, agent: string | null): StreamEvent | undefined {
  if (note.type !== 'progress') return undefined;
  const { execution_id, call_id, tool, message = null, percent = null, data = null } = note;
  const report = { message, percent, data };
  return { event: 'progress', data: { execution_id, agent, call_id, tool, ...report } };
}
