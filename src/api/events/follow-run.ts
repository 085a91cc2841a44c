import { setInterval as ticks } from 'node:timers/promises';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { FeedRow, RunState } from '../../db/feed/feed.ts';
import type { StepDetails } from '../../db/feed/step-details.ts';
import type { ConversationState } from '../conversation-protocols/run-state.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { StartedRun } from '../openai/runs.ts';
import { AnswerAssembler } from './answer-assembler.ts';
import { isOver } from './follow-answer.ts';
import { MergedIterator, mapIterator } from './merge-iterators.ts';
import type { Live } from './run-events.ts';

/** What is told of a run to whoever talks with it. */
export type RunItem =
  /** A piece of what its model says in a step; the pieces of a step are its answer, to the end. */
  | { type: 'text'; seq: number; text: string }
  /** A step that is committed; its answer was told to its end before. */
  | { type: 'step'; row: FeedRow; story: StepDetails }
  /** It has ended, or waits for somebody: nothing more comes. */
  | { type: 'stopped'; run: ConversationState };

export type RunSource = Pick<Live, 'steps' | 'story'> & {
  hub: Pick<FeedHub, 'states' | 'tokens'>;
  /** As the caller sees it; undefined when he does not any more. */
  look(run: StartedRun): Promise<ConversationState | undefined>;
};

type Item =
  | { of: 'step'; row: FeedRow }
  | { of: 'piece'; piece: TokenPiece }
  | { of: 'state'; state: RunState }
  | { of: 'tick' };

/** What a run below it asks changes nothing in its own row: while a run waits, it is looked at so often. */
const LOOK_MS = 2_000;

/**
 * Tells a run from behind a step until it stops: what is said, then each step as it is committed. Before `stopped` every step
 * was told that was there. Ends without it when the signal is given, or the server closes; throws when the run may not be
 * seen any more. What is said of a run whose answer counts only as a whole is left to its end.
 */
export async function* followRun(
  source: RunSource,
  begun: StartedRun,
  signal: AbortSignal,
): AsyncGenerator<RunItem, void> {
  const merged = new MergedIterator<Item>();
  const leave = () => merged.close();
  signal.addEventListener('abort', leave);
  try {
    const isWhole = (await source.look(begun))?.is_whole ?? true;
    if (signal.aborted) return;
    let at = begun.since;
    let known = begun.since === 0 ? 0 : undefined;
    const spoken = new AnswerAssembler(begun.since);
    let early: TokenPiece[] = []; // of steps that come behind one that was not told yet
    const hear = function* (come: readonly TokenPiece[]) {
      early = come.filter(({ seq }) => seq > at + 1);
      for (const piece of come) {
        if (piece.seq === at + 1) yield* say(spoken.hear(piece));
      }
    };
    const say = function* (told: Iterable<{ type: string; seq?: number; text?: string }>) {
      for (const { type, seq, text } of told) {
        if (type === 'text' && !isWhole) yield { type: 'text', seq, text } as RunItem;
      }
    };
    const steps = mapIterator(source.steps(begun.id, at), (row): Item => ({ of: 'step', row }));
    merged.add(steps);
    const pieces = source.hub.tokens(begun.id);
    merged.add(mapIterator(pieces, (piece): Item => ({ of: 'piece', piece })));
    const states = source.hub.states(begun.id);
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
        const story = await source.story({ id, seq, after: known });
        known = story.messages.at(-1)?.seq ?? known;
        yield* say(spoken.settle({ answers: answersIn(row, story), step_count: seq }));
        yield { type: 'step', row, story };
        at = seq;
        yield* hear(early);
      } else if (hasEnded || item?.of === 'state' || isWaiting) {
        if (item?.of === 'state') isWaiting = item.state.status === 'waiting';
        if (!hasEnded && !isWaiting) continue;
        const run = await source.look(begun);
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

/** What a model answered in a step. */
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
