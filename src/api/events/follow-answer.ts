import { setInterval as ticks } from 'node:timers/promises';
import { MergedIterator, mapIterator } from '../../concurrency/merge-iterators.ts';
import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { RunState } from '../../db/feed/feed.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import type { RunSnapshot, StartedRun } from '../openai/runs.ts';
import { AnswerAssembler } from './answer-assembler.ts';

/** An event of a run while it is followed. */
export type AnswerItem =
  /** A piece of the answer that the model gives in a step. */
  | { type: 'text'; seq: number; text: string }
  /** The end of a step. With calls, the run goes on. */
  | { type: 'settled'; seq: number; hasCalls: boolean }
  /** The end of the run, or its wait for the client. */
  | { type: 'stopped'; run: RunSnapshot };

export type Source = {
  hub: Pick<FeedHub, 'states' | 'tokens'>;
  /** Reads the run as the caller sees it; undefined if the caller no longer sees the run. */
  look(run: StartedRun): Promise<RunSnapshot | undefined>;
};

type Item = { of: 'state'; state: RunState } | { of: 'piece'; piece: TokenPiece } | { of: 'tick' };

/**
 * The interval at which a waiting run is read. A question of a child run changes nothing in the row
 * of the run itself.
 */
const LOOK_MS = 2_000;

/**
 * Follows a run until it stops. With `isStreamed`, also sends the text while the model answers.
 * Ends without `stopped` when the signal fires, the server closes, or the run can no longer be
 * seen.
 */
export async function* followAnswer(
  source: Source,
  started: StartedRun,
  isStreamed: boolean,
  signal: AbortSignal,
): AsyncGenerator<AnswerItem, void> {
  const merged = new MergedIterator<Item>();
  const leave = () => merged.close();
  signal.addEventListener('abort', leave);
  try {
    const states = mapIterator(
      source.hub.states(started.id),
      (state): Item => ({ of: 'state', state }),
    );
    merged.add(states);
    merged.add(
      mapIterator(ticks(LOOK_MS, undefined, { ref: false }), (): Item => ({ of: 'tick' })),
    );
    if (isStreamed) {
      const pieces = source.hub.tokens(started.id);
      merged.add(mapIterator(pieces, (piece): Item => ({ of: 'piece', piece })));
    }
    if (signal.aborted) return;
    const isWhole = (await source.look(started))?.is_whole ?? true;
    const assembler = new AnswerAssembler(started.since);
    let isWaiting = false;
    for (;;) {
      const next = await merged.next();
      if (!next || signal.aborted) return;
      const hasEnded = 'ended' in next;
      if (hasEnded && next.ended !== states) continue;
      if (!hasEnded) {
        const { value: item } = next;
        if (item.of === 'piece') {
          if (!isWhole) yield* assembler.hear(item.piece);
          continue;
        }
        if (item.of === 'state') {
          isWaiting = item.state.status === 'waiting';
          if (!isStreamed && !isWaiting && !isOver(item.state.status)) continue;
        } else if (!isWaiting) continue;
      }
      const run = await source.look(started);
      if (!run) return;
      if (isStreamed && !isWhole) yield* assembler.settle(run);
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
