import { setInterval as ticks } from 'node:timers/promises';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { RunState } from '../../db/feed/feed.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { RunSnapshot, StartedRun } from '../openai/runs.ts';
import { AnswerAssembler } from './answer-assembler.ts';
import { MergedIterator, mapIterator } from './merge-iterators.ts';

/** What is told of a run while it is followed. */
export type AnswerItem =
  /** A piece of what its model says in a step; the pieces of a step are its answer. */
  | { type: 'text'; seq: number; text: string }
  /** The step is over; with calls, it goes on. */
  | { type: 'settled'; seq: number; hasCalls: boolean }
  /** It has ended, or waits for its client. */
  | { type: 'stopped'; run: RunSnapshot };

export type Source = {
  hub: Pick<FeedHub, 'states' | 'tokens'>;
  /** As the caller sees it; undefined when he does not any more. */
  look(run: StartedRun): Promise<RunSnapshot | undefined>;
};

type Item = { of: 'state'; state: RunState } | { of: 'piece'; piece: TokenPiece } | { of: 'tick' };

/** What a run below it asks changes nothing in its own row: while a run waits, it is looked at so often. */
const LOOK_MS = 2_000;

/**
 * Follows a run until it stops, with what is said meanwhile when that is wanted. Ends without `stopped` when the signal is
 * given, the server closes, or the run cannot be seen any more.
 */
export async function* followAnswer(
  source: Source,
  begun: StartedRun,
  isStreamed: boolean,
  signal: AbortSignal,
): AsyncGenerator<AnswerItem, void> {
  const merged = new MergedIterator<Item>();
  const leave = () => merged.close();
  signal.addEventListener('abort', leave);
  try {
    const states = mapIterator(
      source.hub.states(begun.id),
      (state): Item => ({ of: 'state', state }),
    );
    merged.add(states);
    merged.add(
      mapIterator(ticks(LOOK_MS, undefined, { ref: false }), (): Item => ({ of: 'tick' })),
    );
    if (isStreamed) {
      const pieces = source.hub.tokens(begun.id);
      merged.add(mapIterator(pieces, (piece): Item => ({ of: 'piece', piece })));
    }
    if (signal.aborted) return;
    const isWhole = (await source.look(begun))?.is_whole ?? true;
    const spoken = new AnswerAssembler(begun.since);
    let isWaiting = false;
    for (;;) {
      const next = await merged.next();
      if (!next || signal.aborted) return;
      const hasEnded = 'ended' in next;
      if (hasEnded && next.ended !== states) continue;
      if (!hasEnded) {
        const { value: item } = next;
        if (item.of === 'piece') {
          if (!isWhole) yield* spoken.hear(item.piece);
          continue;
        }
        if (item.of === 'state') {
          isWaiting = item.state.status === 'waiting';
          if (!isStreamed && !isWaiting && !isOver(item.state.status)) continue;
        } else if (!isWaiting) continue;
      }
      const run = await source.look(begun);
      if (!run) return;
      if (isStreamed && !isWhole) yield* spoken.settle(run);
      if (isOver(run.status) || (run.status === 'waiting' && run.questions.length > 0)) {
        yield { type: 'stopped', run };
        return;
      }
      if (hasEnded) return;
    }
  } finally {
    signal.removeEventListener('abort', leave);
    merged.close();
  }
}

export function isOver(status: string): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
