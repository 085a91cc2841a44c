import type { Queryable } from '../db/connection/pool.ts';
import { type Collection, findRow } from '../db/queries/row-collection.ts';
import { noSuch, type RequestRefusal, staleMatch } from '../resources/request-refusal.ts';

/** Rows of one kind, and the name of one row. */
type Rows = { collection: Collection; one: string };

/**
 * Returns the tag that a row must still have, or undefined if the row may have any tag. If the
 * header contains several tags, returns the current tag of the row.
 */
export async function tagToMatch(
  db: Queryable,
  { collection, one }: Rows,
  id: string,
  header: string | undefined,
): Promise<string | undefined> {
  if (header === undefined || header.trim() === '*') return undefined;
  const found = await findRow(db, collection, id);
  if (!found) throw noSuch(one, id);
  const tags = header.split(',').map((tag) => tag.trim());
  if (!tags.includes(`"${found.tag}"`)) throw staleMatch();
  return found.tag;
}

/**
 * Returns the error for a row that could not be changed, because it does not exist or has changed.
 */
export async function refusalFor(
  db: Queryable,
  { collection, one }: Rows,
  id: string,
): Promise<RequestRefusal> {
  return (await findRow(db, collection, id)) ? staleMatch() : noSuch(one, id);
}
