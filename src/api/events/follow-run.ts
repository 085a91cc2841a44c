import { setInterval as ticks } from 'node:timers/promises';
import { MergedIterator, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { FeedRow, RunState } from '../../db/feed/feed.ts';
import type { StepDetails } from '../../db/feed/step-details.ts';
import type { ConversationState } from '../conversation-protocols/run-state.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { StartedRun } from '../openai/runs.ts';
import { AnswerAssembler } from './answer-assembler.ts';
import { isOver } from './follow-answer.ts';
import type { Live } from './run-events.ts';

/** An event of a run for a client that talks with it. */
export type RunItem =
  /**
   * A piece of the answer that the model gives in a step. The pieces of a step are its complete
   * answer.
   */
  | { type: 'text'; seq: number; text: string }
  /** A committed step. Its answer was sent completely before. */
  | { type: 'step'; row: FeedRow; story: StepDetails }
  /** The end of the run, or its wait for somebody. No event follows. */
  | { type: 'stopped'; run: ConversationState };

export type RunSource = Pick<Live, 'steps' | 'story'> & {
  hub: Pick<FeedHub, 'states' | 'tokens'>;
  /** Reads the run as the caller sees it; undefined if the caller no longer sees the run. */
  look(run: StartedRun): Promise<ConversationState | undefined>;
};

type Item =
  | { of: 'step'; row: FeedRow }
  | { of: 'piece'; piece: TokenPiece }
  | { of: 'state'; state: RunState }
  | { of: 'tick' };

/**
 * The interval at which a waiting run is read. A question of a child run changes nothing in the row
 * of the run itself.
 */
const LOOK_MS = 2_000;

/**
 * Follows a run after a step until it stops: sends the text of answers, then each step as it is
 * committed. Every step is sent before `stopped`. Ends without `stopped` when the signal fires or
 * the server closes. Throws when the run may no longer be seen. The text of a run whose answer
 * counts only as a whole is left to its end.
 */
export async function* followRun(
  source: RunSource,
  started: StartedRun,
  signal: AbortSignal,
): AsyncGenerator<RunItem, void> {
  const merged = new MergedIterator<Item>();
  const leave = () => merged.close();
  signal.addEventListener('abort', leave);
  try {
    const isWhole = (await source.look(started))?.is_whole ?? true;
    if (signal.aborted) return;
    let at = started.since;
    let known = started.since === 0 ? 0 : undefined;
    const assembler = new AnswerAssembler(started.since);
    let early: TokenPiece[] = []; // pieces of steps after the next one
    const hear = function* (come: readonly TokenPiece[]) {
      early = come.filter(({ seq }) => seq > at + 1);
      for (const piece of come) {
        if (piece.seq === at + 1) yield* say(assembler.hear(piece));
      }
    };
    const say = function* (items: Iterable<{ type: string; seq?: number; text?: string }>) {
      for (const { type, seq, text } of items) {
        if (type === 'text' && !isWhole) yield { type: 'text', seq, text } as RunItem;
      }
    };
    const steps = mapIterator(source.steps(started.id, at), (row): Item => ({ of: 'step', row }));
    merged.add(steps);
    const pieces = source.hub.tokens(started.id);
    merged.add(mapIterator(pieces, (piece): Item => ({ of: 'piece', piece })));
    const states = source.hub.states(started.id);
    merged.add(mapIterator(states, (state): Item => ({ of: 'state', state })));
    merged.add(
      mapIterator(ticks(LOOK_MS, undefined, { ref: false }), (): Item => ({ of: 'tick' })),
    );
    let isWaiting = false;
    let stop: ConversationState | undefined;
    for (;;) {
      const next = await merged.next();
      if (!next || signal.aborted) return;
      const hasEnded = 'ended' in next && next.ended === steps;
      if ('ended' in next && !hasEnded) continue;
      const item = 'value' in next ? next.value : undefined;
      if (item?.of === 'piece') {
        yield* hear([...early, item.piece]);
        continue;
      }
      if (item?.of === 'step') {
        const { row } = item;
        const { execution_id: id, seq } = row;
        const details = await source.story({ id, seq, after: known });
        known = details.messages.at(-1)?.seq ?? known;
        yield* say(assembler.settle({ answers: answersIn(row, details), step_count: seq }));
        yield { type: 'step', row, story: details };
        at = seq;
        yield* hear(early);
      } else if (hasEnded || item?.of === 'state' || isWaiting) {
        if (item?.of === 'state') isWaiting = item.state.status === 'waiting';
        if (!hasEnded && !isWaiting) continue;
        const run = await source.look(started);
        if (!run) return;
        const isAsking = run.status === 'waiting' && run.questions.length > 0;
        stop = isAsking || isOver(run.status) ? run : undefined;
      }
      if (stop && (hasEnded || stop.step_count <= at)) {
        yield { type: 'stopped', run: stop };
        return;
      }
      if (hasEnded) return;
    }
  } finally {
    signal.removeEventListener('abort', leave);
    merged.close();
  }
}

/** Returns the answers of the model in a step. */
function answersIn({ seq, step }: FeedRow, { messages }: StepDetails) {
  if (step.kind !== 'model') return [];
  return messages
    .filter(({ role }) => role === 'assistant')
    .map(({ content, tool_calls }) => ({
      seq,
      content: content ?? '',
      has_calls: tool_calls !== null,
    }));
}
