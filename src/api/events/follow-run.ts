import { endWhenLeft, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { StepDetails } from '../../db/feed/step-details.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import { hasEnded } from '../../db/followers/run-source.ts';
import type { RunSnapshot, StartedRun } from '../conversation-protocols/conversation-runs.ts';
import type { ConversationState } from '../conversation-protocols/conversation-state.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { AnswerAssembler, type AssembledItem } from './answer-assembler.ts';
import { type RunChange, RunWatch } from './run-watch.ts';
import type { RunStreamSources } from './stream-events.ts';
import { progressEvent, withPath } from './stream-events.ts';
import { readTree, type TreeItem, type TreeStreamSources } from './tree-reader.ts';

// A2A, AG-UI and the OpenAI protocols follow a run until it ends or asks its client something.
// `RunFollower` watches the states of the run, the pieces of its answers, its steps and a clock.
// The protocols need different details, and each has a function here:
//
// - `followRun`, for A2A and AG-UI: text, and each step with its details.
// - `followAnswer`, for the OpenAI protocols: text and the ends of answers, read from the state of
//   the run; or only the end, if the answer is not streamed.

/** An event of a run for a client that talks with it. */
export type RunItem =
  /** A piece of an answer. The pieces of a step are its complete answer. */
  | Extract<AssembledItem, { type: 'text' }>
  /** A committed step. Its answer was sent completely before. */
  | { type: 'step'; row: FeedRow; details: StepDetails }
  /** An event of a run below, or a report of a tool, as REST sends it. Only in a tree. */
  | { type: 'event'; event: StreamEvent }
  /** The end of the run, or its wait for somebody. No event follows. */
  | { type: 'stopped'; run: ConversationState };

/** An event of a run for a client that wants its answer. */
export type AnswerItem =
  | AssembledItem
  /** The end of the run, or its wait for the client. No event follows. */
  | { type: 'stopped'; run: RunSnapshot };

/** The sources of every followed run. */
export type AnswerSource<Run = RunSnapshot> = {
  hub: Pick<FeedHub, 'states' | 'tokens'>;
  /** Reads the run as the caller sees it; undefined if the caller no longer sees the run. */
  look(run: StartedRun): Promise<Run | undefined>;
};

type StepLog = {
  steps: RunStreamSources['steps'];
  /** Reads what a step says, besides its row. */
  details: RunStreamSources['readStepDetails'];
};
export type RunSource = AnswerSource<ConversationState> & StepLog & { tree: TreeStreamSources };

/**
 * Follows a run after a step until it stops: sends the text of answers, then each step as it is
 * committed. Every step is sent before `stopped`. Ends without `stopped` when the signal fires or
 * the server closes. Throws when the run may no longer be seen. If the answer of a run counts
 * only as a whole (`is_whole`), no text is sent; the caller takes the output from `stopped`. With
 * `tree`, the events of the runs below are sent too, in the one order of the tree.
 */
export async function* followRun(
  source: RunSource,
  started: StartedRun,
  signal: AbortSignal,
  { tree = false }: { tree?: boolean } = {},
): AsyncGenerator<RunItem, void> {
  const below = tree ? { tree: source.tree } : {};
  const follower = new RunFollower({ source, started, isStreamed: true, log: source, ...below });
  for await (const item of follower.follow(signal)) {
    if (item.type !== 'settled') yield item;
  }
}

/**
 * Follows a run until it stops. With `isStreamed`, also sends the text while the model answers.
 * Ends without `stopped` when the signal fires, the server closes, or the run can no longer be
 * seen.
 */
export async function* followAnswer(
  source: AnswerSource,
  started: StartedRun,
  isStreamed: boolean,
  signal: AbortSignal,
): AsyncGenerator<AnswerItem, void> {
  const follower = new RunFollower({ source, started, isStreamed, log: undefined });
  for await (const item of follower.follow(signal)) {
    if (item.type !== 'step' && item.type !== 'event') yield item;
  }
}

/** The parts of the state of a run that say whether it has stopped, and what it answered. */
type ObservedRun = Omit<RunSnapshot, 'questions'> & { questions: readonly unknown[] };

type FollowerOptions<Run> = {
  source: AnswerSource<Run>;
  started: StartedRun;
  /** True if text is sent while the model answers. */
  isStreamed: boolean;
  /** The steps to send. Without them, the committed answers are read with the state of the run. */
  log: StepLog | undefined;
  /** The tree of the run, if the events of the runs below are sent. */
  tree?: TreeStreamSources;
};

type FollowedItem<Run> =
  | AssembledItem
  | { type: 'step'; row: FeedRow; details: StepDetails }
  | { type: 'event'; event: StreamEvent }
  | { type: 'stopped'; run: Run };

type Other = { of: 'piece'; piece: TokenPiece } | Extract<TreeItem, { of: 'below' }>;

/**
 * The interval at which a waiting run is read. A question of a child run changes nothing in the row
 * of the run itself.
 */
const POLL_MS = 2_000;

/** Follows one run once. */
class RunFollower<Run extends ObservedRun> {
  readonly #options: FollowerOptions<Run>;
  readonly #assembler: AnswerAssembler;
  /** True if no text is sent: the caller takes the output from `stopped`. */
  #isSilent = true;
  /** The seq of the last message whose step was read. */
  #lastMessage: number | undefined;
  /** The state in which the run stopped. Its steps are sent first. */
  #stop: Run | undefined;
  /** The last position in the tree that was sent, and the last one when the run stopped. */
  #position = 0;
  #lastPosition = 0;

  constructor(options: FollowerOptions<Run>) {
    const { since } = options.started;
    this.#options = options;
    this.#assembler = new AnswerAssembler(since);
    this.#lastMessage = since === 0 ? 0 : undefined;
  }

  async *follow(signal: AbortSignal): AsyncGenerator<FollowedItem<Run>, void> {
    if (signal.aborted) return;
    const { source, started, isStreamed } = this.#options;
    const watch = this.#subscribe(signal);
    try {
      const isWhole = (await source.look(started))?.is_whole ?? true;
      this.#isSilent = isWhole || !isStreamed;
      for await (const change of watch.changes()) {
        const hasEnded = change.of === 'end';
        if (hasEnded || this.#wantsState(change, watch.isWaiting)) {
          const run = await source.look(started);
          if (!run) return;
          yield* this.#observe(run);
          if (this.#stop && !hasEnded) await this.#readLastPosition();
        } else yield* this.#send(change);
        const stop = this.#stop;
        if (stop && (hasEnded || this.#hasSentAll(stop))) {
          // the run stopped, and all its steps were sent
          yield { type: 'stopped', run: stop };
          return;
        }
        if (hasEnded) return;
      }
    } finally {
      watch.close();
    }
  }

  /** Subscribes before the run is read, because a missed piece is not sent again. */
  #subscribe(signal: AbortSignal): RunWatch<Other> {
    const { source, started, isStreamed, log, tree } = this.#options;
    const { id, since } = started;
    const steps = tree ? followTreeFrom(tree, started) : log?.steps(id, since);
    const states = source.hub.states(id);
    const toPiece = (piece: TokenPiece): Other => ({ of: 'piece', piece });
    const others = isStreamed ? [mapIterator(source.hub.tokens(id), toPiece)] : [];
    return new RunWatch({ steps, states, others, tickMs: POLL_MS }, signal);
  }

  /**
   * Returns whether the state of the run must be read now: while the run waits, or for the answers
   * that it committed, if no steps are read.
   */
  #wantsState({ of }: RunChange<Other>, isWaiting: boolean): boolean {
    if (of === 'tick') return isWaiting;
    const { isStreamed, log } = this.#options;
    return of === 'state' && (isWaiting || (isStreamed && !log));
  }

  /** Returns whether everything was sent that precedes a stop of the run. */
  #hasSentAll(stop: Run): boolean {
    return stop.step_count <= this.#assembler.settled && this.#position >= this.#lastPosition;
  }

  async #readLastPosition(): Promise<void> {
    const { tree, started } = this.#options;
    if (tree) this.#lastPosition = await tree.lastPosition(started.id);
  }

  *#observe(run: Run): Generator<AssembledItem> {
    if (!this.#options.log) {
      yield* this.#say(this.#assembler.settle(run));
      yield* this.#say(this.#assembler.release());
    }
    const isAsking = run.status === 'waiting' && run.questions.length > 0;
    this.#stop = isAsking || hasEnded(run) ? run : undefined;
  }

  async *#send(change: RunChange<Other>): AsyncGenerator<FollowedItem<Run>> {
    if (change.of === 'piece') yield* this.#say(this.#assembler.offer(change.piece));
    if (change.of === 'below') {
      this.#position = change.at?.position ?? this.#position;
      if (change.event) yield { type: 'event', event: change.event };
    }
    const { log } = this.#options;
    if (change.of !== 'step' || !log) return;
    const { row } = change;
    const { execution_id: id, seq } = row;
    const details = await log.details({ id, seq, after: this.#lastMessage });
    this.#lastMessage = details.messages.at(-1)?.seq ?? this.#lastMessage;
    const answers = answersIn(row, details);
    yield* this.#say(this.#assembler.settle({ answers, step_count: seq }));
    yield { type: 'step', row, details };
    yield* this.#say(this.#assembler.release());
  }

  *#say(items: Iterable<AssembledItem>): Generator<AssembledItem> {
    for (const item of items) {
      if (!this.#isSilent) yield item;
    }
  }
}

/** Follows the tree of a run: its steps after `since`, and what happens below. */
function followTreeFrom(
  tree: TreeStreamSources,
  { id, since }: StartedRun,
): AsyncIterableIterator<FeedRow | Other> {
  return endWhenLeft(async function* (signal) {
    const start = since === 0 ? 0 : await tree.positionOfQuestion(id, since);
    const cursor = { seq: since, position: start, sent: Number.MAX_SAFE_INTEGER };
    for await (const item of readTree(tree, id, cursor, signal)) {
      if (item.of === 'below') yield item;
      else if (item.of === 'top' && item.row.seq > since) yield item.row;
      else if (item.of === 'live' && item.item.of === 'note') {
        const event = progressEvent(item.item.note, null);
        if (event) yield { of: 'below', event: { ...event, data: withPath(event.data, [id]) } };
      }
    }
  });
}

/** Returns the answers of the model in a step. */
function answersIn({ seq, step }: FeedRow, { messages }: StepDetails): RunSnapshot['answers'] {
  if (step.kind !== 'model') return [];
  return messages
    .filter(({ role }) => role === 'assistant')
    .map(({ content, tool_calls }) => ({
      seq,
      content: content ?? '',
      has_calls: tool_calls !== null,
    }));
}
