import type { IncomingHttpHeaders } from 'node:http';
import { FORGET_MS } from '../../../db/log/log-cursor.ts';
import { time } from '../../../resources/fields.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import type { RunCursor } from '../../events/run-events.ts';
import {
  parseRunCursor,
  parseSessionCursor,
  type SessionCursor,
} from '../../events/session-events.ts';

type Sent = { headers: IncomingHttpHeaders; query: { after?: string | undefined } };

/**
 * Returns the position where the events of a run continue: `seq.n` of Last-Event-ID, else of
 * `after`. Below the run, `seq-position.n`. Without either, the events start from the beginning.
 */
export function runCursor(sent: Sent): RunCursor {
  return cursorIn(sent, parseRunCursor, 'seq.n, such as 3.1') ?? { seq: 0, n: 0 };
}

/** Returns the position where the events of a session continue, from `turn.seq.n`. */
export function sessionCursor(sent: Sent): SessionCursor {
  const form = 'turn.seq.n, such as 1.3.1';
  return cursorIn(sent, parseSessionCursor, form) ?? { turn: 1, seq: 0, n: 0 };
}

/**
 * Returns the time from which a log continues, in milliseconds: a minute before the time of
 * Last-Event-ID, else of `after`.
 */
export function logCursor(sent: Sent): number {
  const { text, field } = textIn(sent);
  if (text === undefined || text === '') return 0;
  const at = time.safeParse(text).success ? new Date(text).getTime() : Number.NaN;
  if (!Number.isNaN(at)) return at - FORGET_MS;
  throw new RequestRefusal(400, `${field} is not the id of an event of this stream`, {
    hint: 'Send the id of the last event you received, which is a time, or leave it out.',
    detail: { field },
  });
}

/**
 * Returns the cursor from which a list continues: Last-Event-ID, else `after`. Without either, the
 * list starts with its newest rows.
 */
export function listCursor(sent: Sent): string | undefined {
  return textIn(sent).text || undefined;
}

function textIn({ headers, query }: Sent) {
  const sent = [headers['last-event-id']].flat()[0];
  return { field: sent === undefined ? 'after' : 'Last-Event-ID', text: sent ?? query.after };
}

function cursorIn<Cursor>(
  sent: Sent,
  parse: (text: string) => Cursor | undefined,
  form: string,
): Cursor | undefined {
  const { text, field } = textIn(sent);
  if (text === undefined || text === '') return undefined;
  const cursor = parse(text);
  if (cursor) return cursor;
  throw new RequestRefusal(400, `${field} is not the id of an event of this stream`, {
    hint: `Send the id of the last event you received (${form}), or leave it out.`,
    detail: { field },
  });
}
