import { createHash } from 'node:crypto';
import type { Condition } from '../queries/row-collection.ts';
import type { ListChange, ListedRow } from './list-changes.ts';
import type { ListCursor } from './list-cursor.ts';

/** A position in a list. A cursor that a client sent (`isForeign`) may be forged. */
export type ListPlace = Readonly<{ cursor: ListCursor; isForeign: boolean }>;

/** A row as it is shown, the digest of that, and its size in bytes. */
export type ShownRow = Readonly<{ row: ListedRow; version: string; bytes: number }>;

/** What a list is followed by. `now` is the time of the database at the read. */
export type ListRow = { place: ListPlace } & (
  | { of: 'change'; change: ListChange; shown: ShownRow | undefined; now: number }
  /** The end of a read. The client has everything up to `synced`, if the read is complete. */
  | { of: 'end'; synced: ListCursor; isComplete: boolean; now: number }
  /** A row that some client has, with its run if it still exists. */
  | { of: 'check'; id: string; run: string | undefined }
);

/** A filter of a list, and the subscribers that have it. */
export type FollowedFilter = {
  where: readonly Condition[];
  views: Set<{ readonly shownIds: readonly string[] }>;
  sweptAt: number;
};

const shownRows = new WeakMap<ListedRow, ShownRow>();

/** Returns a row with the digest by which two states of it are compared. */
export function shownRowOf(row: ListedRow): ShownRow;
export function shownRowOf(row: ListedRow | undefined): ShownRow | undefined;
export function shownRowOf(row: ListedRow | undefined): ShownRow | undefined {
  if (!row) return undefined;
  const known = shownRows.get(row);
  if (known) return known;
  const text = JSON.stringify(row);
  const version = createHash('sha256').update(text).digest('base64url').slice(0, 16);
  const shown = { row, version, bytes: text.length };
  shownRows.set(row, shown);
  return shown;
}
