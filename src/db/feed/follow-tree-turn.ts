import type { Pool } from '../connection/pool.ts';
import { openQuestion, type TurnEvent } from '../queries/chat-session.ts';
import { createTreeReader } from './follow-tree.ts';
import type { RunListener } from './run-listener.ts';

/** A follower of a turn and all runs below it, which continues after each question. */
export type TreeTurn = {
  /**
   * Yields the events after the last one that was yielded, until the turn has ended or waits for a
   * person. That event is the last one. Also ends when the signal fires.
   */
  events(signal: AbortSignal): AsyncGenerator<TurnEvent>;
};

/**
 * Creates a follower of a turn and all runs below it. Only pieces of the turn's own answers are
 * reported.
 */
export async function openTreeTurn(
  pool: Pool,
  listener: RunListener,
  id: string,
  after: number,
): Promise<TreeTurn> {
  const reader = createTreeReader(pool, listener, id, after);
  let cursor = after;
  await listener.watch(pool, id);
  return {
    async *events(signal) {
      let due = reader.live();
      while (!signal.aborted) {
        if (due.length > 0) {
          // read before the steps, so that the steps before the question are yielded first
          const question = await openQuestion(pool, id);
          for (const item of await reader.read(due)) {
            if (item.type === 'questions') continue;
            if (item.type === 'step' && item.id === id) cursor = item.step.seq;
            yield item;
            if (item.type === 'end' && item.id === id) return;
          }
          if (question) return yield { type: 'question', id, question };
        }
        due = await listener.nextChanged(reader.live());
        for (const piece of listener.pieces()) {
          if (piece.execution_id === id && piece.seq > cursor) yield { type: 'token', id, piece };
        }
      }
    },
  };
}
