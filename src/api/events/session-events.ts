import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { MessageCursor, SessionRow } from '../../db/feed/feed.ts';
import type { TurnRow } from '../../db/feed/stream-queries.ts';
import { onAbort } from '../http/on-abort.ts';
import { type RunCursor, runEvents } from './run-events.ts';
import type { RunStreamSources } from './stream-events.ts';
import type { TreeStreamSources } from './tree-reader.ts';

/** The last event of a session that was sent: the turn, and the event in the run of the turn. */
export type SessionCursor = RunCursor & { turn: number };

/** The sources of session streams, besides those of run streams. */
export type SessionStreamSources = {
  /** Streams the messages of a session for as long as the caller may see the session. */
  messages(id: string, after: MessageCursor): AsyncIterableIterator<SessionRow>;
  /** Reads the run of this turn, or of the first later turn that has one. */
  turnFrom(id: string, turn: number): Promise<TurnRow | undefined>;
};

/**
 * Streams the events of a session after a cursor, turn by turn, then new events. These are the
 * events of the run of each turn, with ids `turn.seq.n`. The stream stays open between turns. When
 * a turn that had ended continues (a retry), its events continue too. With `tree`, the events of
 * the runs below are sent as well, as by `runEvents`.
 */
export async function* sessionEvents(
  sources: RunStreamSources & TreeStreamSources & SessionStreamSources,
  id: string,
  after: SessionCursor,
  signal: AbortSignal,
  { tree = true }: { tree?: boolean | undefined } = {},
): AsyncGenerator<StreamEvent, void> {
  let at = after;
  while (!signal.aborted) {
    const run = await sources.turnFrom(id, at.turn);
    if (run) {
      const isSame = run.turn === at.turn;
      const cursor = isSame ? at : { seq: 0, n: 0 };
      at = { ...cursor, turn: run.turn };
      for await (const event of runEvents(sources, run.id, cursor, signal, { tree })) {
        yield event.id === undefined ? event : { ...event, id: `${run.turn}.${event.id}` };
        at = event.id === undefined ? at : (parseSessionCursor(`${run.turn}.${event.id}`) ?? at);
      }
    }
    if (signal.aborted) return;
    const now = await sources.turnFrom(id, at.turn);
    // a later turn began, or this one went on after its stream ended
    if (now && (now.turn > at.turn || !now.has_ended || now.step_count > at.seq)) continue;
    const place = { turn: at.turn, seq: now?.message_count ?? 0 };
    const turn = await nextTurn(sources, id, place, signal);
    if (turn === undefined) return;
    if (turn > at.turn) at = { turn, seq: 0, n: 0 };
  }
}

/** Waits for the next message after a cursor and returns the turn of its run. */
async function nextTurn(
  sources: SessionStreamSources,
  id: string,
  after: MessageCursor,
  signal: AbortSignal,
): Promise<number | undefined> {
  const messages = sources.messages(id, after);
  const leave = () => void messages.return?.();
  const cancel = onAbort(signal, leave);
  try {
    const { value } = await messages.next();
    return (value as SessionRow | undefined)?.turn;
  } finally {
    cancel();
    leave();
  }
}

/** Cursors: `seq.n`, with the position below the run `seq-position.n`, and the turn before it. */
const RUN_CURSOR = /^(\d{1,9})(?:-(\d{1,9}))?\.(\d{1,9})$/;
const SESSION_CURSOR = /^(\d{1,9})\.(.+)$/;

/** Parses the id of an event of a run. Returns undefined for any other text. */
export function parseRunCursor(text: string): RunCursor | undefined {
  const [, seq, position = 0, n] = RUN_CURSOR.exec(text) ?? [];
  if (seq === undefined) return undefined;
  return { seq: Number(seq), position: Number(position), n: Number(n) };
}

/** Parses the id of an event of a session. Returns undefined for any other text. */
export function parseSessionCursor(text: string): SessionCursor | undefined {
  const [, turn, rest = ''] = SESSION_CURSOR.exec(text) ?? [];
  const cursor = parseRunCursor(rest);
  return cursor && { turn: Number(turn), ...cursor };
}
