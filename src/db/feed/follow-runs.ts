import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { DecryptRows } from '../connection/decrypt-results.ts';
import { createPool, type Pool } from '../connection/pool.ts';
import { openQuestion, type TurnEvent } from '../queries/chat-session.ts';
import { openRunListener, type RunListener } from './run-listener.ts';
import { type FollowedItem, type ReaderOptions, RunReader } from './run-reader.ts';

/** A report of a running tool. */
export type FollowedNote = { type: 'note'; id: string; note: ToolNote };

type FollowOptions = ReaderOptions & {
  /** Decrypts contents of ended runs. */
  decrypt?: DecryptRows | undefined;
};

/**
 * Yields the steps of the runs after a cursor, then each new step as it commits, the questions that
 * the runs wait for, and the end of each run. Polls the log, and uses announcements only to read
 * immediately. Ends when all runs have ended, or when the signal fires.
 */
export function followExecutions(
  url: string,
  ids: readonly string[],
  signal: AbortSignal,
  options?: FollowOptions,
): AsyncGenerator<FollowedItem>;
export function followExecutions(
  url: string,
  ids: readonly string[],
  signal: AbortSignal,
  options: FollowOptions & { notes: true },
): AsyncGenerator<FollowedItem | FollowedNote>;
export async function* followExecutions(
  url: string,
  ids: readonly string[],
  signal: AbortSignal,
  { notes = false, decrypt, ...reading }: FollowOptions & { notes?: boolean } = {},
): AsyncGenerator<FollowedItem | FollowedNote> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1, numbers: true, decrypt });
  const listener = await openRunListener(url, ids, signal, { notes });
  const reader = new RunReader(pool, listener, ids, reading);
  try {
    let due = ids;
    while (reader.isLive && !signal.aborted) {
      for (const note of listener.notes()) yield { type: 'note', id: note.execution_id, note };
      yield* await reader.read(due);
      due = await listener.nextChanged(reader.live);
    }
  } finally {
    await listener.close();
    await pool.end();
  }
}

/** A follower of a turn, which continues after each question. */
export type FollowedTurn = {
  /**
   * Yields the events after the last one that was yielded, until the turn has ended or waits for a
   * person. That event is the last one. Also ends when the signal fires.
   */
  events(signal: AbortSignal): AsyncGenerator<TurnEvent>;
};

/** Opens a follower of a turn. Only pieces of the turn's own answers are reported. */
export async function openTurn(
  pool: Pool,
  listener: RunListener,
  id: string,
  reading: ReaderOptions & { after: number },
): Promise<FollowedTurn> {
  const reader = new RunReader(pool, listener, [id], reading);
  let cursor = reading.after;
  await listener.watch(pool, id);
  return {
    async *events(signal) {
      let due = reader.live;
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
        due = await listener.nextChanged(reader.live);
        for (const piece of listener.pieces()) {
          if (piece.execution_id === id && piece.seq > cursor) yield { type: 'token', id, piece };
        }
      }
    },
  };
}
