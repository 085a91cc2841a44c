import type { Queryable } from '../db/connection/pool.ts';
import {
  checkConstraints,
  deleteRow,
  findRow,
  insertRow,
  lockRow,
  type TaggedRow,
  touchRow,
  updateRow,
} from '../db/queries/row-collection.ts';
import { withArticle } from '../text/with-article.ts';
import { refuseMissing, withoutUnchanged } from './references.ts';
import { noSuch, RequestRefusal } from './request-refusal.ts';
import type { Body, Resource, Writer } from './resource.ts';

/**
 * A change of a row. A whole change sets the fields that it leaves out to their defaults. With a
 * tag, only the row in this state is changed.
 */
export type Change = Writer & { isWhole: boolean; tag?: string | undefined };

/** Reads the row of this id. Throws `HWNTF`. */
export async function readRow(
  db: Queryable,
  { collection, one }: Resource,
  id: string,
): Promise<TaggedRow> {
  const found = await findRow(db, collection, id);
  if (!found) throw noSuch(one, id);
  return found;
}

/**
 * Creates a row with its parts, in a transaction. Returns the row with the fields that are shown
 * only once.
 */
export async function createRow(
  db: Queryable,
  resource: Resource,
  body: Body,
  writer: Writer,
): Promise<TaggedRow> {
  const columns = await columnsIn(db, resource, body);
  refuseMissing(resource.references, columns);
  const id = await insertRow(db, resource.collection, columns);
  await resource.writeParts?.(db, id, body, { ...writer, isWhole: true });
  const more = await resource.shownOnce?.create(db, id, body, writer);
  await checkConstraints(db);
  const { row, tag } = await readRow(db, resource, id);
  return { row: more ? { ...row, ...more } : row, tag };
}

/**
 * Changes a row and its parts, in a transaction. Returns undefined if there is no such row, or if
 * its state has another tag.
 */
export async function changeRow(
  db: Queryable,
  resource: Resource,
  id: string,
  sent: Body,
  { tag, isWhole, ...writer }: Change,
): Promise<TaggedRow | undefined> {
  const { collection, once } = resource;
  const body = await withChangedReferences(db, resource, id, sent);
  const columns = await columnsIn(db, resource, body);
  const values = once.length > 0 ? await withoutOnce(db, resource, id, columns, body) : columns;
  const unchanged = isWhole ? await keptColumns(db, resource, id) : [];
  const isLeftOut = (name: string) => !(name in values || unchanged.includes(name));
  const defaults = isWhole ? resource.columns.filter(isLeftOut) : [];
  const hasColumns = Object.keys(values).length + defaults.length > 0;
  const isThere = hasColumns
    ? await updateRow(db, collection, id, { values, defaults, ...(tag && { tag }) })
    : tag === undefined
      ? (await findRow(db, collection, id)) !== undefined
      : await lockRow(db, collection, id, tag);
  if (!isThere) return undefined;
  if (resource.writeParts && !hasColumns && Object.keys(body).length > 0) {
    await touchRow(db, collection, id);
  }
  await resource.writeParts?.(db, id, body, { ...writer, isWhole });
  await checkConstraints(db);
  return readRow(db, resource, id);
}

/** Returns a body in which a reference is only its name or only its id, if rows show both. */
async function withChangedReferences(db: Queryable, resource: Resource, id: string, body: Body) {
  const { references, collection } = resource;
  const isBoth = references.some(({ field, column }) => field in body && column in body);
  const found = isBoth && (await findRow(db, collection, id));
  return found ? withoutUnchanged(references, body, found.row) : body;
}

/** Returns the columns that keep their values when a whole change leaves them out. */
async function keptColumns(db: Queryable, { collection, once, keeps }: Resource, id: string) {
  const found = keeps && (await findRow(db, collection, id));
  return found ? [...once, ...keeps(found.row)] : once;
}

/** Deletes a row. Throws `HWNTF`. */
export async function removeRow(db: Queryable, resource: Resource, id: string): Promise<void> {
  if (resource.remove) await resource.remove(db, id);
  else if (!(await deleteRow(db, resource.collection, id))) throw noSuch(resource.one, id);
}

async function columnsIn(db: Queryable, resource: Resource, body: Body): Promise<Body> {
  const values = await resource.valuesOf(body, db);
  return Object.fromEntries(
    resource.columns
      .filter((name) => values[name] !== undefined)
      .map((name) => [name, values[name]]),
  );
}

/**
 * Removes the columns that are written once. Rejects a value that differs from the stored value.
 * The same value may be sent again.
 */
async function withoutOnce(
  db: Queryable,
  resource: Resource,
  id: string,
  sent: Body,
  body: Body,
): Promise<Body> {
  const { once, one, fields, columns } = resource;
  const written = Object.entries(sent).filter(([name]) => once.includes(name));
  if (written.length === 0) return sent;
  const { row } = await readRow(db, resource, id);
  const changed = written.find(([name, value]) => row[name] !== value)?.[0];
  if (changed !== undefined) {
    const isPart = (name: string) => name in fields.shape && !columns.includes(name);
    const field = changed in body ? changed : (Object.keys(body).find(isPart) ?? changed);
    throw new RequestRefusal(400, `${field} of ${withArticle(one)} cannot be changed`, {
      hint: `Create another ${one}.`,
      detail: { field },
    });
  }
  return Object.fromEntries(Object.entries(sent).filter(([name]) => !once.includes(name)));
}
