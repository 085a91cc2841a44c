import { z } from 'zod';
import type { Queryable } from '../../../db/connection/pool.ts';
import { findRow, lockRow } from '../../../db/queries/row-collection.ts';
import { refusalFor, tagToMatch } from '../../../operations/if-match.ts';
import { listOperation, tagOf } from '../../../operations/list-operation.ts';
import { shownRow } from '../../../operations/operation.ts';
import { byId } from '../../../resources/fields.ts';
import { changeRow, createRow, readRow, removeRow } from '../../../resources/operations.ts';
import { refuseOtherId } from '../../../resources/request-refusal.ts';
import { inCamels, type Resource } from '../../../resources/resource.ts';
import { withArticle } from '../../../text/with-article.ts';
import { ACTIVE, aliasesOf, aliasesOfNewRow, withChangedAliases } from './field-aliases.ts';
import {
  type Route,
  type RouteContext,
  type RouteInput,
  type RouteResponse,
  route,
} from './route.ts';

type Body = Readonly<Record<string, unknown>>;

/** Creates the routes of a resource: two to read its rows, and up to four to write them. */
export function resourceRoutes(resource: Resource): Route[] {
  const { writes } = resource;
  return [
    listRoute(resource),
    ...(writes.includes('create') ? [createRoute(resource)] : []),
    readRoute(resource),
    ...(writes.includes('change') ? changeRoutes(resource) : []),
    ...(writes.includes('delete') ? [removeRoute(resource)] : []),
  ];
}

const responseOf = ({ one, row }: Resource) => ({ description: `The ${one}`, schema: row });
const createdResponseOf = (resource: Resource) => ({
  ...responseOf(resource),
  ...(resource.shownOnce && {
    schema: resource.row
      .extend(resource.shownOnce.fields)
      .meta({ id: `New${inCamels(resource.one)}` }),
  }),
});
const ofPath = (resource: Resource) => ({
  tag: tagOf(resource),
  path: `${resource.path}/{id}`,
  params: byId,
});

function listRoute(resource: Resource): Route {
  const { is_active } = resource.filters.query;
  return { ...listOperation(resource), ...(is_active && { queryAliases: ACTIVE }) };
}

function createRoute(resource: Resource): Route {
  return route({
    method: 'POST',
    path: resource.path,
    id: `create${inCamels(resource.one)}`,
    tag: tagOf(resource),
    summary: `Create ${withArticle(resource.one)}`,
    isKeyed: true,
    body: withExample(resource.fields, resource.examples?.create),
    fieldAliases: aliasesOfNewRow(resource),
    answers: { 201: createdResponseOf(resource) },
    async work(db, { body, identity: { tenantId } }, { secrets }) {
      const made = await createRow(db, resource, body, { tenantId, secrets });
      const headers = { location: `${resource.path}/${made.row.id}` };
      return { ...shownRow(resource, made), status: 201, headers };
    },
  });
}

/** Returns the schema of a body with an example of it. */
const withExample = <S extends z.ZodObject>(body: S, example: Body | undefined): S =>
  example === undefined ? body : body.meta({ examples: [example] });

function readRoute(resource: Resource): Route {
  return route({
    ...ofPath(resource),
    method: 'GET',
    id: `get${inCamels(resource.one)}`,
    summary: `Get ${withArticle(resource.one)}`,
    answers: { 200: responseOf(resource) },
    async work(db, { params }) {
      return shownRow(resource, await readRow(db, resource, params.id));
    },
  });
}

function changeRoutes(resource: Resource): Route[] {
  const { row, fields, examples, shownOnce, shownAliases = [] } = resource;
  const shared = {
    ...ofPath(resource),
    answers: { 200: responseOf(resource) },
    fieldAliases: aliasesOf(resource),
    shownAliases,
  };
  const aliases = Object.fromEntries(
    shownAliases.map((name) => [name, (row.shape[name] as z.ZodType).optional()]),
  );
  const shown = { ...row.shape, ...shownOnce?.fields };
  const readOnly = Object.keys(shown).filter((name) => !(name in fields.shape));
  const put = route({
    ...shared,
    method: 'PUT',
    id: `replace${inCamels(resource.one)}`,
    summary: `Replace ${withArticle(resource.one)}; fields that are left out take their defaults`,
    description: `Read-only fields (${readOnly.join(', ')}) are allowed in the body and ignored.`,
    body: fields.extend(Object.fromEntries(readOnly.map((name) => [name, z.unknown().optional()]))),
    work: (db, input, context) => change(db, resource, input, context, true),
  });
  const patch = route({
    ...shared,
    method: 'PATCH',
    id: `change${inCamels(resource.one)}`,
    summary: `Change fields of ${withArticle(resource.one)}`,
    body: withExample(fields.partial().extend(aliases), examples?.change),
    work: (db, input, context) => change(db, resource, input, context, false),
  });
  return [put, patch];
}

type Change = RouteInput<{ id: string }, unknown, Body>;

async function change(
  db: Queryable,
  resource: Resource,
  { params: { id }, body: sent, headers, identity: { tenantId } }: Change,
  { secrets }: RouteContext,
  isWhole: boolean,
): Promise<RouteResponse> {
  const { collection, shownAliases } = resource;
  const body = await withChangedAliases(sent, shownAliases, aliasesOf(resource), async () => {
    return (await findRow(db, collection, id))?.row ?? {};
  });
  if (isWhole) refuseOtherId(body.id, id);
  const tag = await tagToMatch(db, resource, id, headers['if-match']);
  const changed = await changeRow(db, resource, id, body, { tenantId, secrets, isWhole, tag });
  if (!changed) throw await refusalFor(db, resource, id);
  return shownRow(resource, changed);
}

function removeRoute(resource: Resource): Route {
  const { collection, one } = resource;
  return route({
    ...ofPath(resource),
    method: 'DELETE',
    id: `delete${inCamels(one)}`,
    summary: `Delete ${withArticle(one)}`,
    answers: { 204: { description: `The ${one} was deleted` } },
    async work(db, { params: { id }, headers }) {
      const tag = await tagToMatch(db, resource, id, headers['if-match']);
      if (tag && !(await lockRow(db, collection, id, tag))) {
        throw await refusalFor(db, resource, id);
      }
      await removeRow(db, resource, id);
      return { status: 204 };
    },
  });
}
