import type { Client } from '../../../db/queries/json-rows.ts';
import { type Collection, findRow } from '../../../db/queries/row-collection.ts';
import { noSuch, type RequestRefusal, staleMatch } from '../../errors/request-refusal.ts';

/** Rows of one kind, and what one of them is called. */
type Rows = { collection: Collection; one: string };

/** The tag that a row must still have; undefined when it need not. With several in the header, the one it has now. */
export async function tagToMatch(
  db: Client,
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

/** Of a row that could not be changed: it is not there, or not as it was. */
export async function refusalFor(
  db: Client,
  { collection, one }: Rows,
  id: string,
): Promise<RequestRefusal> {
  return (await findRow(db, collection, id)) ? staleMatch() : noSuch(one, id);
}
