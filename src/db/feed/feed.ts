import { randomUUID } from 'node:crypto';
import type { ToolNote } from '../../contracts/agents/tool-io.ts';
import type { ExecutionStatus, TokenPiece } from '../../contracts/runs/step.ts';
import type { Json } from '../../json/json.ts';
import type { DecryptRunRows } from '../connection/decrypt-results.ts';
import { noteOf, pieceOf, type UnansweredQuestion, unansweredOf } from './feed-payloads.ts';
import { ListenConnection } from './listen-connection.ts';
import {
  type FeedRow,
  type FoundTreeRow,
  type TreePosition,
  type TreeRow,
  type TreeState,
  treeRowOf,
} from './tree-rows.ts';

/** The state of a run. `marker` differs after every change that a subscriber may want to see. */
export type FeedRunState = {
  execution_id: string;
  status: ExecutionStatus;
  step_count: number;
  marker: string;
};

/** Rows of one read. `isCut` means that `READ_BYTES` ended it, so any cursor may have more. */
export type BoundedRows<Row> = { rows: Row[]; isCut: boolean };

/** The bytes after which a read of rows ends, since a limit on rows does not limit their size. */
export const READ_BYTES = 4_000_000;

/** A position in the conversation of a session: a message of a turn. */
export type MessagePlace = { turn: number; seq: number };

/**
 * `turn` and `seq` name the furthest message that a reader has. `lastWritten` names the last
 * written message that the reader has. The two differ when an earlier turn was retried or resumed
 * after later turns. Without `lastWritten`, messages of such turns are left out.
 */
export type MessageCursor = MessagePlace & { lastWritten?: MessagePlace };

/** A message in a feed: the columns of `howdah.messages`, with times as text. */
export type SessionRow = MessagePlace & {
  session_id: string;
  /** Cursor of a reader that has this message and all messages before it. */
  cursor: MessageCursor;
  message: Readonly<Record<string, Json>>;
};

/** Returns `turn.seq`. Appends the last written message if that is a different one: `3.1~2.4`. */
export function messageCursorText({ turn, seq, lastWritten }: MessageCursor): string {
  const furthest = `${turn}.${seq}`;
  const last = lastWritten && `${lastWritten.turn}.${lastWritten.seq}`;
  return last === undefined || last === furthest ? furthest : `${furthest}~${last}`;
}

export type FeedOptions = {
  url: string;
  /** Called when a run or a session is announced to have something new. */
  onAnnounced(id: string): void;
  /** Called for each piece of a streamed answer. A lost piece is not sent again. */
  onTokens(piece: TokenPiece): void;
  onUnanswered(unanswered: UnansweredQuestion): void;
  /** Called when a running tool reports something. A lost report is not sent again. */
  onNote(note: ToolNote): void;
  /** Called when jobs are added to the queue: some run was started, answered or woken. */
  onJobsAdded?: (() => void) | undefined;
  /**
   * Called when the lost connection is restored. Announcements were missed, and registrations may
   * be lost.
   */
  onReconnected(): void;
  /** Decrypts contents in rows. Without it, contents stay encrypted. */
  decryptRows?: DecryptRunRows | undefined;
};

/**
 * Opens the only connection of a process that listens to the feed. The connection is restored after
 * restarts of the server. Readers find missed rows by reading from their cursors.
 */
export async function createFeed(options: FeedOptions): Promise<Feed> {
  const feed = new Feed(options);
  await feed.open();
  return feed;
}

/**
 * The database side of the live feed, which listens and reads on the same connection. Calls fail
 * while the connection is lost, until `onReconnected` is called.
 */
export class Feed {
  readonly #connection: ListenConnection;
  readonly #decryptRows: DecryptRunRows;
  /** The name under which this feed registers as a listener. */
  readonly #listener = randomUUID();

  constructor(options: FeedOptions) {
    this.#decryptRows = options.decryptRows ?? (async (rows) => [...rows]);
    this.#connection = new ListenConnection({
      url: options.url,
      applicationName: 'howdah-listen',
      role: 'howdah_authenticator',
      channels: ['feed', 'tokens', 'unanswered'],
      onNotification: (channel, payload) => dispatch(options, channel, payload),
      onJobsAdded: options.onJobsAdded,
      onReconnected: options.onReconnected,
    });
  }

  async open(): Promise<void> {
    await this.#connection.open();
  }

  /** True while the connection is open. */
  get isListening(): boolean {
    return this.#connection.isOpen;
  }

  /**
   * Registers a listener to these runs or sessions for two minutes. Call it before the first read
   * of their rows.
   */
  async watch(ids: readonly string[]): Promise<void> {
    await this.#connection.query('select howdah_private.watch($1, $2)', [this.#listener, ids]);
  }

  async unwatch(ids: readonly string[]): Promise<void> {
    await this.#connection.query('select howdah_private.unwatch($1, $2)', [this.#listener, ids]);
  }

  /** Returns the steps of each run after its cursor, in order, at most `atMost` per cursor. */
  async stepsAfter(
    cursors: readonly (readonly [string, number])[],
    atMost: number,
  ): Promise<BoundedRows<Placed<FeedRow>>> {
    const text = 'select * from howdah_private.steps_after($1, $2, $3, $4)';
    const found = await this.#connection.query<Found<FeedRow>>(text, [
      cursors.map(([id]) => id),
      cursors.map(([, cursor]) => cursor),
      atMost,
      READ_BYTES,
    ]);
    return this.#bounded(found, (row) => row.execution_id);
  }

  /** Returns the states of runs. Omits runs that do not exist. */
  states(ids: readonly string[]): Promise<FeedRunState[]> {
    return this.#connection.query(
      `select s.execution_id, s.status, s.step_count,
         concat_ws(' ', s.status, s.step_count, s.updated_at) as marker
       from howdah_private.execution_states($1) as s`,
      [ids],
    );
  }

  /**
   * Returns the messages of each session after its cursor, in order, at most `atMost` per cursor.
   */
  async messagesAfter(
    cursors: readonly (readonly [string, MessageCursor])[],
    atMost: number,
  ): Promise<BoundedRows<Placed<SessionRow>>> {
    const found = await this.#connection.query<Found<FoundMessage>>(
      'select * from howdah_private.session_messages_after($1, $2, $3, $4, $5, $6, $7)',
      [
        cursors.map(([id]) => id),
        cursors.map(([, { turn }]) => turn),
        cursors.map(([, { seq }]) => seq),
        atMost,
        cursors.map(([, { lastWritten }]) => lastWritten?.turn ?? null),
        cursors.map(([, { lastWritten }]) => lastWritten?.seq ?? null),
        READ_BYTES,
      ],
    );
    const read = await this.#bounded(found, ({ message }) => String(message.execution_id));
    return {
      ...read,
      rows: read.rows.map((row) => placedMessage(row, cursors[row.place - 1]?.[1])),
    };
  }

  /** Returns the states of trees, with at most `mostLive` live runs of each. */
  treeStates(ids: readonly string[], mostLive: number): Promise<TreeState[]> {
    return this.#connection.query('select * from howdah_private.tree_states($1, $2)', [
      ids,
      mostLive,
    ]);
  }

  /**
   * Appends what has no place yet to the orders of trees, at most `atMost` rows of each. Returns
   * the trees whose order is complete.
   */
  async orderTrees(ids: readonly string[], atMost: number): Promise<Set<string>> {
    const text = 'select id from howdah_private.order_trees($1, $2) as o (id)';
    const rows = await this.#connection.query<{ id: string }>(text, [ids, atMost]);
    return new Set(rows.map(({ id }) => id));
  }

  /**
   * Returns the rows of each tree after its cursor, in order, at most `atMost` per cursor. `count`
   * is the number of steps of a run without children.
   */
  async treeRowsAfter(
    cursors: readonly TreeRequest[],
    atMost: number,
  ): Promise<BoundedRows<Placed<TreeRow>>> {
    const found = await this.#connection.query<Found<FoundTreeRow>>(
      'select * from howdah_private.tree_rows_after($1, $2, $3, $4, $5, $6)',
      [
        cursors.map(({ id }) => id),
        cursors.map(({ after }) => after.seq),
        cursors.map(({ after }) => after.position),
        cursors.map(({ count }) => count ?? null),
        atMost,
        READ_BYTES,
      ],
    );
    const read = await this.#bounded(found, (row) => row.execution_id);
    return { ...read, rows: read.rows.map((row) => ({ ...treeRowOf(row), place: row.place })) };
  }

  /** Returns the live run of each session, or null. Omits sessions that do not exist. */
  async liveRuns(ids: readonly string[]): Promise<Map<string, string | null>> {
    const rows = await this.#connection.query<{ session_id: string; execution_id: string | null }>(
      'select * from howdah_private.live_runs($1)',
      [ids],
    );
    return new Map(rows.map((row) => [row.session_id, row.execution_id]));
  }

  /** Decrypts the rows of one read. */
  async #bounded<Row extends { is_cut: boolean }>(
    found: readonly Row[],
    runOf: (row: Row) => string,
  ): Promise<BoundedRows<Row>> {
    const isCut = found.at(-1)?.is_cut === true;
    return { rows: await this.#decryptRows([...found], runOf), isCut };
  }

  async close(): Promise<void> {
    await this.#connection
      .query('select howdah_private.unwatch($1, null)', [this.#listener])
      .catch(() => {});
    await this.#connection.close();
  }
}

/** A place to read a tree from. */
export type TreeRequest = { id: string; after: TreePosition; count: number | undefined };

function dispatch(options: FeedOptions, channel: string, payload: string): void {
  if (channel === 'feed') {
    options.onAnnounced(payload);
  } else if (channel === 'unanswered') {
    const unanswered = unansweredOf(payload);
    if (unanswered) options.onUnanswered(unanswered);
  } else {
    const piece = pieceOf(payload);
    const note = piece ? undefined : noteOf(payload);
    if (piece) options.onTokens(piece);
    if (note) options.onNote(note);
  }
}

/** A row, and the position of the cursor from which it was read, starting at one. */
export type Placed<Row> = Row & { place: number };
type Found<Row> = Placed<Row> & { is_cut: boolean };

type FoundMessage = Omit<SessionRow, 'cursor'> & {
  cursor_turn: number;
  cursor_seq: number;
  last_written_turn: number;
  last_written_seq: number;
};

/** Puts the columns of the cursor together. Only a cursor with `lastWritten` continues with one. */
function placedMessage(
  { cursor_turn, cursor_seq, last_written_turn, last_written_seq, ...row }: Placed<FoundMessage>,
  before: MessageCursor | undefined,
): Placed<SessionRow> {
  const lastWritten = { turn: last_written_turn, seq: last_written_seq };
  return {
    ...row,
    cursor: { turn: cursor_turn, seq: cursor_seq, ...(before?.lastWritten && { lastWritten }) },
  };
}
