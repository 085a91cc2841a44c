import { randomUUID } from 'node:crypto';
import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { ExecutionStatus, TokenPiece } from '../../contracts/runs/step.ts';
import type { Json } from '../../json/json.ts';
import { ListenConnection } from './listen-connection.ts';

/** A step in a feed: the columns of `howdah.steps`, with prices and times as text. */
export type FeedRow = { execution_id: string; seq: number; step: Readonly<Record<string, Json>> };

/** The state of a run. `marker` differs after every change that a subscriber may want to see. */
export type FeedRunState = {
  execution_id: string;
  status: ExecutionStatus;
  step_count: number;
  marker: string;
};

/** A position in the conversation of a session: a message of a turn. */
export type SessionPlace = { turn: number; seq: number };

/**
 * `turn` and `seq` name the furthest message that a reader has. `lastWritten` names the last
 * written message that the reader has. The two differ when an earlier turn was retried or resumed
 * after later turns. Without `lastWritten`, messages of such turns are left out.
 */
export type SessionCursor = SessionPlace & { lastWritten?: SessionPlace };

/** A message in a feed: the columns of `howdah.messages`, with times as text. */
export type SessionRow = SessionPlace & {
  session_id: string;
  /** Cursor of a reader that has this message and all messages before it. */
  cursor: SessionCursor;
  message: Readonly<Record<string, Json>>;
};

/** Returns `turn.seq`. Appends the last written message if that is a different one: `3.1~2.4`. */
export function sessionCursorText({ turn, seq, lastWritten }: SessionCursor): string {
  const furthest = `${turn}.${seq}`;
  const last = lastWritten && `${lastWritten.turn}.${lastWritten.seq}`;
  return last === undefined || last === furthest ? furthest : `${furthest}~${last}`;
}

type FoundMessage = Omit<SessionRow, 'cursor'> & {
  place: number;
  cursor_turn: number;
  cursor_seq: number;
  last_written_turn: number;
  last_written_seq: number;
};

/**
 * A question whose recipient gave no valid answer. Without a fault, the recipient declined to
 * answer.
 */
export type Unanswered = { execution_id: string; question_id: string; fault: string | null };

export type FeedOptions = {
  url: string;
  /** Called when a run or a session is announced to have something new. */
  onAnnounced(id: string): void;
  /** Called for each piece of a streamed answer. A lost piece is not sent again. */
  onTokens(piece: TokenPiece): void;
  onUnanswered(unanswered: Unanswered): void;
  /** Called when a running tool reports something. A lost report is not sent again. */
  onNote(note: ToolNote): void;
  /**
   * Called when the lost connection is restored. Announcements were missed, and registrations may
   * be lost.
   */
  onReconnected(): void;
};

/**
 * The database side of the live feed. Calls fail while the connection is lost, until
 * `onReconnected` is called.
 */
export type Feed = {
  /** True while the connection is open. */
  readonly isListening: boolean;
  /**
   * Registers a listener to these runs or sessions for two minutes. Call it before the first read
   * of their rows.
   */
  watch(ids: readonly string[]): Promise<void>;
  unwatch(ids: readonly string[]): Promise<void>;
  /**
   * Returns the steps of each run after its cursor, in order, at most `atMost` per pair. A run may
   * appear twice in `cursors`.
   */
  stepsAfter(cursors: readonly (readonly [string, number])[], atMost: number): Promise<FeedRow[]>;
  /** Returns the states of runs. Omits runs that do not exist. */
  states(ids: readonly string[]): Promise<FeedRunState[]>;
  /**
   * Returns the messages of each session after its cursor, in order, at most `atMost` per cursor.
   * `place` is the position of the cursor in `cursors`, starting at one.
   */
  messagesAfter(
    cursors: readonly (readonly [string, SessionCursor])[],
    atMost: number,
  ): Promise<(SessionRow & { place: number })[]>;
  /** Returns the live run of each session, or null. Omits sessions that do not exist. */
  liveRuns(ids: readonly string[]): Promise<Map<string, string | null>>;
  close(): Promise<void>;
};

/**
 * Opens the only connection of a process that listens to the feed, and reads on the same
 * connection. The connection is restored after restarts of the server. Readers find missed rows by
 * reading from their cursors.
 */
export async function createFeed(options: FeedOptions): Promise<Feed> {
  const connection = new ListenConnection({
    url: options.url,
    applicationName: 'howdah-listen',
    role: 'howdah_authenticator',
    channels: ['feed', 'tokens', 'unanswered'],
    onNotification(channel, payload) {
      if (channel === 'feed') return options.onAnnounced(payload);
      if (channel === 'unanswered') {
        const unanswered = unansweredOf(payload);
        return unanswered && options.onUnanswered(unanswered);
      }
      const piece = pieceOf(payload);
      if (piece) return options.onTokens(piece);
      const note = noteOf(payload);
      if (note) options.onNote(note);
    },
    onReconnected: options.onReconnected,
  });
  await connection.open();
  const listener = randomUUID();
  return {
    get isListening() {
      return connection.isOpen;
    },
    async watch(ids) {
      await connection.query('select howdah_private.watch($1, $2)', [listener, ids]);
    },
    async unwatch(ids) {
      await connection.query('select howdah_private.unwatch($1, $2)', [listener, ids]);
    },
    async stepsAfter(cursors, atMost) {
      return connection.query<FeedRow>('select * from howdah_private.steps_after($1, $2, $3)', [
        cursors.map(([id]) => id),
        cursors.map(([, cursor]) => cursor),
        atMost,
      ]);
    },
    async states(ids) {
      return connection.query<FeedRunState>(
        `select s.execution_id, s.status, s.step_count,
           concat_ws(' ', s.status, s.step_count, s.updated_at) as marker
         from howdah_private.execution_states($1) as s`,
        [ids],
      );
    },
    async messagesAfter(cursors, atMost) {
      const rows = await connection.query<FoundMessage>(
        'select * from howdah_private.session_messages_after($1, $2, $3, $4, $5, $6)',
        [
          cursors.map(([id]) => id),
          cursors.map(([, { turn }]) => turn),
          cursors.map(([, { seq }]) => seq),
          atMost,
          cursors.map(([, { lastWritten }]) => lastWritten?.turn ?? null),
          cursors.map(([, { lastWritten }]) => lastWritten?.seq ?? null),
        ],
      );
      return rows.map(
        ({ cursor_turn, cursor_seq, last_written_turn, last_written_seq, ...row }) => ({
          ...row,
          cursor: {
            turn: cursor_turn,
            seq: cursor_seq,
            ...(cursors[row.place - 1]?.[1].lastWritten && {
              lastWritten: { turn: last_written_turn, seq: last_written_seq },
            }),
          },
        }),
      );
    },
    async liveRuns(ids) {
      const rows = await connection.query<{ session_id: string; execution_id: string | null }>(
        'select * from howdah_private.live_runs($1)',
        [ids],
      );
      return new Map(rows.map((row) => [row.session_id, row.execution_id]));
    },
    async close() {
      await connection.query('select howdah_private.unwatch($1, null)', [listener]).catch(() => {});
      await connection.close();
    },
  };
}

/**
 * Parses a piece of a streamed answer from a worker. Returns undefined for any other payload on the
 * channel.
 */
export function pieceOf(payload: string): TokenPiece | undefined {
  try {
    const { execution_id, seq, attempt, offset, text } = JSON.parse(payload);
    const isPiece = typeof execution_id === 'string' && typeof text === 'string';
    return isPiece && Number.isInteger(seq) && Number.isInteger(attempt)
      ? { execution_id, seq, attempt, ...(Number.isInteger(offset) && { offset }), text }
      : undefined;
  } catch {
    return undefined;
  }
}

/** Parses a report of a running tool. Returns undefined for any other payload on the channel. */
export function noteOf(payload: string): ToolNote | undefined {
  try {
    const note = JSON.parse(payload);
    const isOne = typeof note.execution_id === 'string' && typeof note.tool === 'string';
    const isKnown = note.type === 'log' || (note.type === 'progress' && note.progress >= 0);
    return isOne && isKnown ? note : undefined;
  } catch {
    return undefined;
  }
}

/** Parses the notification of an unanswered question. Returns undefined for any other payload. */
function unansweredOf(payload: string): Unanswered | undefined {
  try {
    const { execution_id, question_id, fault } = JSON.parse(payload);
    const isOne = typeof execution_id === 'string' && typeof question_id === 'string';
    return isOne ? { execution_id, question_id, fault: fault ?? null } : undefined;
  } catch {
    return undefined;
  }
}
