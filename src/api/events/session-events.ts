import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { SessionCursor as MessageCursor, SessionRow } from '../../db/feed/feed.ts';
import type { Turn } from '../../db/feed/stream-queries.ts';
import { type Live, type RunCursor, runEvents } from './run-events.ts';

/** The last event of a session that was told: the turn, and the event in the turn's run. */
export type SessionCursor = RunCursor & { turn: number };

/** What streams of sessions are made of besides those of runs. */
export type SessionLive = {
  /** The messages of a session for as long as it may be seen. */
  messages(id: string, after: MessageCursor): AsyncIterableIterator<SessionRow>;
  /** The run of this turn, or of the first one after it that there is. */
  turnFrom(id: string, turn: number): Promise<Turn | undefined>;
};

/**
 * What happens in a session behind a cursor, turn by turn, and then as it happens: the events of each turn's run, with ids
 * `turn.seq.n`. It stays open over turns. When a turn goes on that had ended (a retry), so do its events.
 */
export async function* sessionEvents(
  live: Live & SessionLive,
  id: string,
  after: SessionCursor,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  let at = after;
  while (!signal.aborted) {
    const run = await live.turnFrom(id, at.turn);
    if (run) {
      const isSame = run.turn === at.turn;
      const cursor = isSame ? at : { seq: 0, n: 0 };
      at = { turn: run.turn, seq: cursor.seq, n: cursor.n };
      for await (const event of runEvents(live, run.id, cursor, signal)) {
        yield event.id === undefined ? event : { ...event, id: `${run.turn}.${event.id}` };
        at = event.id === undefined ? at : { turn: run.turn, ...placeIn(event.id) };
      }
    }
    if (signal.aborted) return;
    const now = await live.turnFrom(id, at.turn);
    if (now && (now.turn > at.turn || !now.has_ended || now.step_count > at.seq)) continue;
    const place = { turn: at.turn, seq: now?.message_count ?? 0 };
    const turn = await nextTurn(live, id, place, signal);
    if (turn === undefined) return;
    if (turn > at.turn) at = { turn, seq: 0, n: 0 };
  }
}

/** The turn of the next message behind a place, when there is one: that of the run it was said in. */
async function nextTurn(
  live: SessionLive,
  id: string,
  after: MessageCursor,
  signal: AbortSignal,
): Promise<number | undefined> {
  const messages = live.messages(id, after);
  const leave = () => void messages.return?.();
  signal.addEventListener('abort', leave);
  if (signal.aborted) leave();
  try {
    const { value } = await messages.next();
    return (value as SessionRow | undefined)?.turn;
  } finally {
    signal.removeEventListener('abort', leave);
    leave();
  }
}

function placeIn(id: string): RunCursor {
  const [seq = 0, n = 0] = id.split('.').map(Number);
  return { seq, n };
}
