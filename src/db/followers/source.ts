import type { Watching } from '../access/subjects.ts';
import type { ReadBounds } from './read-order.ts';

/** A kind of rows that can be followed. Each key, such as a run, has its rows in one order. */
export type Source<Cursor, Row, State = unknown> = {
  /** Reads the states of keys before their rows are read. Omits keys that do not exist. */
  states(keys: readonly string[]): Promise<ReadonlyMap<string, State>>;
  /** Returns further ids whose announcements concern a key. Its own id is always one. */
  watched?(state: State): readonly string[];
  /** Returns the pause before the next read of a key, in milliseconds. */
  restMs?(state: State): number;
  /**
   * Reads at most `most` rows after each cursor, and not much more than `READ_BYTES` in all.
   * Returns one page for each request, in order. A page that has no rows since others took the
   * bytes has `more`.
   */
  read(
    requests: readonly ReadRequest<Cursor, State>[],
    most: number,
  ): Promise<readonly ReadPage<Row>[]>;
  /** Returns for how many milliseconds nothing is expected to change, by the last read. */
  mayRestMs?(): number;
  /** The bounds of one query, if they are not those of `planRead`. */
  bounds?: ReadBounds;
  /** Returns the cursor of a reader that has this row and all rows before it. */
  cursorOf(row: Row): Cursor;
  /** Returns a value that is equal for equal cursors, so that their readers share a read. */
  placeOf(cursor: Cursor): unknown;
  /** Returns the size of a row in bytes, which bounds what is buffered for a subscriber. */
  bytesOf?(row: Row): number;
  /** Returns the runs that decide who may see a row. Without it, who may follow a key sees all. */
  runsOf?(row: Row): readonly string[];
};

/** A cursor from which rows of a key are read. */
export type ReadRequest<Cursor, State> = Readonly<{ key: string; state: State; after: Cursor }>;

/** Rows after a cursor, in order. */
export type Page<Row> = Readonly<{
  rows: readonly Row[];
  /** What follows these rows: nothing yet, more rows that exist already, or never anything. */
  next: 'wait' | 'more' | 'end';
}>;

/** A page, or why there is none. The failure ends the subscriptions at the cursor. */
export type ReadPage<Row> = Page<Row> | Readonly<{ failure: unknown }>;

/** The person for whom a subscriber reads. */
export type Viewer = Omit<Watching, 'id'>;

/** The part of the rows that one subscriber gets, and the events that it gets for them. */
export type View<Row, Event> = {
  /** Required if each row has runs that decide who may see it. */
  viewer?: Viewer;
  /** Returns the event of a row; undefined if the row has none for this subscriber. */
  show(row: Row, isSeen: (run: string) => boolean): Event | undefined;
  /** Returns the size of an event in bytes, if events may be large. */
  bytesOf?(event: Event): number;
  /** Called once, when the subscription ends. */
  onClose?(): void;
};
