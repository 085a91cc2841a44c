import { z } from 'zod';
import type { Queryable } from '../../../db/connection/pool.ts';
import {
  type Collection,
  type Condition,
  checkConstraints,
  deleteRow,
  findRow,
  insertRow,
  lockRow,
  type TaggedRow,
  touchRow,
  updateRow,
} from '../../../db/queries/row-collection.ts';
import { withArticle } from '../../../text/with-article.ts';
import { noSuch, RequestRefusal, refuseOtherId } from '../../errors/request-refusal.ts';
import { byId, page, pageOf } from '../../http/fields.ts';
import { ACTIVE, aliasesOf, aliasesOfNewRow, withChangedAliases } from './field-aliases.ts';
import { refusalFor, tagToMatch } from './if-match.ts';
import { answerPage } from './pagination.ts';
import {
  type Route,
  type RouteContext,
  type RouteInput,
  type RouteResponse,
  route,
} from './route.ts';

type Body = Readonly<Record<string, unknown>>;

/**
 * A kind of rows that clients create, read, change and delete at one path. All kinds work in the
 * same way.
 */
export type CrudResource = {
  /** The path of the list, such as `/api/agents`. */
  path: string;
  /** The name of one row in operations and messages, such as `agent`. */
  one: string;
  collection: Collection;
  /** The fields that are shown. */
  row: z.ZodObject;
  /**
   * Fields that can be written. PUT sets a missing field to its default; PATCH leaves it unchanged.
   */
  fields: z.ZodObject;
  /** Fields that are columns; the others are parts. */
  columns: readonly string[];
  /** Field names of other systems. `active` for `is_active` is one of them for every kind. */
  fieldAliases?: Readonly<Record<string, string>>;
  /** Field names of other systems in a new row. */
  creationAliases?: Readonly<Record<string, string>>;
  /** Aliases that answers show beside our names. They are fields of `row`. */
  shownAliases?: readonly string[];
  filters?: { query: z.ZodRawShape; conditions(query: Body): Condition[] };
  /** Columns that are written once. */
  fixed?: readonly string[];
  /** Returns the values of the columns for the fields that were sent. */
  valuesOf?(body: Body, db: Queryable): Body | Promise<Body>;
  /** Writes the parts that are no columns, after the row is written. */
  writeParts?(
    db: Queryable,
    id: string,
    body: Body,
    as: { context: RouteContext; tenantId: string; isWhole: boolean },
  ): Promise<void>;
  /** Fields that only the answer to the creation shows, besides the row. */
  shownOnce?: {
    fields: z.ZodRawShape;
    create(
      db: Queryable,
      id: string,
      body: Body,
      as: { context: RouteContext; tenantId: string },
    ): Promise<Body>;
  };
  /** Deletes the row in another way than by a DELETE statement. */
  remove?(db: Queryable, id: string): Promise<void>;
};

/** Creates the six routes of a kind. */
export function crudRoutes(kind: CrudResource): Route[] {
  return [
    listRoute(kind),
    createRoute(kind),
    readRoute(kind),
    ...changeRoutes(kind),
    removeRoute(kind),
  ];
}

const inCamels = (words: string) =>
  words.replaceAll(/(^|[ _-])(\w)/g, (_all, _gap, letter: string) => letter.toUpperCase());
const tagOf = ({ path }: CrudResource) => path.split('/').at(-1) ?? path;
const responseOf = (kind: CrudResource) => ({ description: `The ${kind.one}`, schema: kind.row });
const createdResponseOf = (kind: CrudResource) => ({
  ...responseOf(kind),
  ...(kind.shownOnce && {
    schema: kind.row.extend(kind.shownOnce.fields).meta({ id: `New${inCamels(kind.one)}` }),
  }),
});
const ofPath = (kind: CrudResource) => ({
  tag: tagOf(kind),
  path: `${kind.path}/{id}`,
  params: byId,
});

function listRoute(kind: CrudResource): Route {
  const many = tagOf(kind);
  return route({
    method: 'GET',
    path: kind.path,
    id: `list${inCamels(many)}`,
    tag: many,
    summary: `List ${kind.one}s, newest first`,
    isReplicable: true,
    query: z.strictObject({ ...page, ...kind.filters?.query }),
    ...(kind.filters?.query.is_active && { queryAliases: ACTIVE }),
    answers: { 200: { description: `A page of ${kind.one}s`, schema: pageOf(kind.row) } },
    async work(db, { query, url }) {
      return answerPage(db, kind.collection, kind.filters?.conditions(query) ?? [], query, url);
    },
  });
}

function createRoute(kind: CrudResource): Route {
  return route({
    method: 'POST',
    path: kind.path,
    id: `create${inCamels(kind.one)}`,
    tag: tagOf(kind),
    summary: `Create ${withArticle(kind.one)}`,
    isKeyed: true,
    body: kind.fields,
    fieldAliases: aliasesOfNewRow(kind),
    answers: { 201: createdResponseOf(kind) },
    async work(db, { body, identity: { tenantId } }, context) {
      const id = await insertRow(db, kind.collection, await columnsIn(kind, body, db));
      await kind.writeParts?.(db, id, body, { context, tenantId, isWhole: true });
      const more = await kind.shownOnce?.create(db, id, body, { context, tenantId });
      const { body: row, ...answer } = await answerRow(db, kind, id);
      const headers = { location: `${kind.path}/${id}` };
      return { ...answer, body: more ? { ...(row as Body), ...more } : row, status: 201, headers };
    },
  });
}

function readRoute(kind: CrudResource): Route {
  return route({
    ...ofPath(kind),
    method: 'GET',
    id: `get${inCamels(kind.one)}`,
    summary: `Get ${withArticle(kind.one)}`,
    answers: { 200: responseOf(kind) },
    async work(db, { params }) {
      const found = await findRow(db, kind.collection, params.id);
      if (!found) throw noSuch(kind.one, params.id);
      return shownRow(kind, found);
    },
  });
}

function changeRoutes(kind: CrudResource): Route[] {
  const { shownAliases = [] } = kind;
  const shared = {
    ...ofPath(kind),
    answers: { 200: responseOf(kind) },
    fieldAliases: aliasesOf(kind),
    shownAliases,
  };
  const aliases = Object.fromEntries(
    shownAliases.map((name) => [name, (kind.row.shape[name] as z.ZodType).optional()]),
  );
  const shown = { ...kind.row.shape, ...kind.shownOnce?.fields };
  const readOnly = Object.keys(shown).filter((name) => !(name in kind.fields.shape));
  const put = route({
    ...shared,
    method: 'PUT',
    id: `replace${inCamels(kind.one)}`,
    summary: `Replace ${withArticle(kind.one)}; fields that are left out take their defaults`,
    description: `Read-only fields (${readOnly.join(', ')}) are allowed in the body and ignored.`,
    body: kind.fields.extend(
      Object.fromEntries(readOnly.map((name) => [name, z.unknown().optional()])),
    ),
    work: (db, input, context) => change(db, kind, input, context, true),
  });
  const patch = route({
    ...shared,
    method: 'PATCH',
    id: `change${inCamels(kind.one)}`,
    summary: `Change fields of ${withArticle(kind.one)}`,
    body: kind.fields.partial().extend(aliases),
    work: (db, input, context) => change(db, kind, input, context, false),
  });
  return [put, patch];
}

type Change = RouteInput<{ id: string }, unknown, Body>;

async function change(
  db: Queryable,
  kind: CrudResource,
  { params: { id }, body: sent, headers, identity }: Change,
  context: RouteContext,
  isWhole: boolean,
): Promise<RouteResponse> {
  const body = await withChangedAliases(sent, kind.shownAliases, aliasesOf(kind), async () => {
    return (await findRow(db, kind.collection, id))?.row ?? {};
  });
  const { collection } = kind;
  if (isWhole) refuseOtherId(body.id, id);
  const columns = await columnsIn(kind, body, db);
  const values = kind.fixed ? await withoutFixed(db, kind, id, columns, body) : columns;
  const isLeftOut = (name: string) => !(name in values) && !kind.fixed?.includes(name);
  const defaults = isWhole ? kind.columns.filter(isLeftOut) : [];
  const tag = await tagToMatch(db, kind, id, headers['if-match']);
  const hasColumns = Object.keys(values).length + defaults.length > 0;
  const isThere = hasColumns
    ? await updateRow(db, collection, id, { values, defaults, ...(tag && { tag }) })
    : tag === undefined
      ? (await findRow(db, collection, id)) !== undefined
      : await lockRow(db, collection, id, tag);
  if (!isThere) throw await refusalFor(db, kind, id);
  if (kind.writeParts && !hasColumns && Object.keys(body).length > 0) {
    await touchRow(db, collection, id);
  }
  await kind.writeParts?.(db, id, body, { context, tenantId: identity.tenantId, isWhole });
  return answerRow(db, kind, id);
}

function removeRoute(kind: CrudResource): Route {
  return route({
    ...ofPath(kind),
    method: 'DELETE',
    id: `delete${inCamels(kind.one)}`,
    summary: `Delete ${withArticle(kind.one)}`,
    answers: { 204: { description: `The ${kind.one} was deleted` } },
    async work(db, { params: { id }, headers }) {
      const tag = await tagToMatch(db, kind, id, headers['if-match']);
      if (tag && !(await lockRow(db, kind.collection, id, tag)))
        throw await refusalFor(db, kind, id);
      if (kind.remove) await kind.remove(db, id);
      else if (!(await deleteRow(db, kind.collection, id))) throw noSuch(kind.one, id);
      return { status: 204 };
    },
  });
}

/**
 * Removes the columns that are written once. Rejects a value that differs from the stored value.
 * The same value may be sent again.
 */
async function withoutFixed(
  db: Queryable,
  kind: CrudResource,
  id: string,
  sent: Body,
  body: Body,
): Promise<Body> {
  const fixed = Object.entries(sent).filter(([name]) => kind.fixed?.includes(name));
  if (fixed.length === 0) return sent;
  const found = await findRow(db, kind.collection, id);
  if (!found) throw noSuch(kind.one, id);
  const changed = fixed.find(([name, value]) => found.row[name] !== value)?.[0];
  if (changed !== undefined) {
    const isPart = (name: string) => name in kind.fields.shape && !kind.columns.includes(name);
    const field = changed in body ? changed : (Object.keys(body).find(isPart) ?? changed);
    throw new RequestRefusal(400, `${field} of a ${kind.one} cannot be changed`, {
      hint: `Create another ${kind.one}.`,
      detail: { field },
    });
  }
  return Object.fromEntries(Object.entries(sent).filter(([name]) => !kind.fixed?.includes(name)));
}

async function columnsIn(kind: CrudResource, body: Body, db: Queryable): Promise<Body> {
  const values = (await kind.valuesOf?.(body, db)) ?? body;
  return Object.fromEntries(
    kind.columns.filter((name) => values[name] !== undefined).map((name) => [name, values[name]]),
  );
}

async function answerRow(db: Queryable, kind: CrudResource, id: string): Promise<RouteResponse> {
  await checkConstraints(db);
  const found = await findRow(db, kind.collection, id);
  if (!found) throw noSuch(kind.one, id);
  return shownRow(kind, found);
}

export function shownRow(
  { collection: { stamp } }: Pick<CrudResource, 'collection'>,
  { row, tag }: TaggedRow,
): RouteResponse {
  return { body: row, tag, isTagOfAll: stamp === undefined };
}
