import { z } from 'zod';
import type { Queryable } from '../../db/connection/pool.ts';
import { jsonPage, jsonRow, jsonRows } from '../../db/queries/json-rows.ts';
import { checkConstraints, findRow } from '../../db/queries/row-collection.ts';
import type { Json } from '../../json/json.ts';
import { byId, json, object, page, pageOf, time } from '../../resources/fields.ts';
import { noSuch } from '../../resources/request-refusal.ts';
import type { Resource } from '../../resources/resource.ts';
import { withArticle } from '../../text/with-article.ts';
import { operation, shownRow } from '../operation.ts';
import { numberIn, pageAnswer } from '../pagination.ts';

const version = z
  .object({
    version: z.int(),
    digest: z.string(),
    labels: z.array(z.string()),
    created_by: z.string(),
    created_at: time,
    definition: object,
  })
  .meta({ id: 'Version' });
/** A version of a row, with its labels and its definition. */
export type Version = z.output<typeof version>;

const change = z
  .object({
    place: z.string().describe('The part of the definition'),
    op: z.enum(['add', 'remove', 'replace']),
    path: z.string(),
    old: json,
    new: json,
    operation: object.describe('The operation of a JSON Patch (RFC 6902)'),
    text: z.string().describe('The change in words'),
  })
  .meta({ id: 'VersionChange' });
/** One change between two versions; `operation` is that of a JSON Patch (RFC 6902). */
export type VersionChange = { place: string; old: Json; new: Json; operation: Json };

const label = z
  .object({ label: z.string(), version: z.int(), created_at: time, updated_at: time })
  .meta({ id: 'VersionLabel' });

/** Rows that have versions, and the names of their operations. */
type Versioned = {
  kind: Resource;
  one: string;
  Name: string;
  tag: string;
  path: string;
};

/** The operations on the immutable versions of a kind. */
export type VersionOperations = ReturnType<typeof versionOperations>;

/** Creates the operations on the versions of a kind. Versions of skills have no labels. */
export function versionOperations(kind: Resource) {
  const { path, one } = kind;
  const Name = `${one.charAt(0).toUpperCase()}${one.slice(1)}`;
  const versioned = { kind, one, Name, tag: path.split('/').at(-1) ?? path, path };
  return {
    list: listVersions(versioned, one !== 'skill'),
    get: getVersion(versioned, one !== 'skill'),
    compare: compareVersions(versioned),
    restore: restoreVersion(versioned),
    label: labelVersion(versioned),
    removeLabel: removeLabel(versioned),
  };
}

/** Returns the columns of a version `v`. */
function shownOf(one: string, hasLabels: boolean): string {
  const labels = hasLabels
    ? `array(select l.label from howdah.version_labels as l
         where l.${one}_id = v.${one}_id and l.version = v.version order by l.label)`
    : `'{}'::text[]`;
  return `v.version, v.digest, ${labels} as labels, v.created_by, v.created_at, v.definition`;
}

function listVersions({ kind, path, one, Name, tag }: Versioned, hasLabels: boolean) {
  return operation({
    method: 'GET',
    path: `${path}/{id}/versions`,
    id: `list${Name}Versions`,
    tag,
    summary: `List the versions of ${withArticle(one)}, newest first`,
    isReplicable: true,
    params: byId,
    query: z.strictObject(page),
    answers: { 200: { description: 'A page of versions', schema: pageOf(version) } },
    async work(db, { params, query, url }) {
      await requireRow(db, kind, params.id);
      const rows = await jsonPage<Version>(
        db,
        `select ${shownOf(one, hasLabels)} from howdah.${one}_versions as v
         where v.${one}_id = $1 and ($2::int is null or v.version < $2)
         order by v.version desc limit $3`,
        [params.id, numberIn(query.cursor, url) ?? null, query.limit + 1],
      );
      return pageAnswer(rows, query.limit, url, (row) => row.version);
    },
  });
}

const named = z.string().describe('The number of a version, or its label');

function getVersion({ kind, path, one, Name, tag }: Versioned, hasLabels: boolean) {
  return operation({
    method: 'GET',
    path: `${path}/{id}/versions/{version}`,
    id: `get${Name}Version`,
    tag,
    summary: `Get a version of ${withArticle(one)}`,
    isReplicable: true,
    params: byId.extend({ version: named }),
    answers: { 200: { description: 'The version', schema: version } },
    async work(db, { params: { id, version } }) {
      await requireRow(db, kind, id);
      const found = await jsonRow<Version>(
        db,
        `select ${shownOf(one, hasLabels)} from howdah.${one}_versions as v
         where v.id = (select f.id from howdah_private.version_of($2, $1, $3) as f)`,
        [id, one, version],
      );
      if (!found) throw noSuch('version', version);
      return { body: found };
    },
  });
}

function compareVersions({ kind, path, one, Name, tag }: Versioned) {
  return operation({
    method: 'GET',
    path: `${path}/{id}/versions/{version}/compare/{other}`,
    id: `compare${Name}Versions`,
    tag,
    summary: `Compare two versions of ${withArticle(one)}`,
    isReplicable: true,
    params: byId.extend({ version: named, other: named }),
    answers: {
      200: {
        description: 'The changes from the version to the other, in order',
        schema: z.object({ data: z.array(change) }),
      },
    },
    async work(db, { params }) {
      await requireRow(db, kind, params.id);
      const data = await jsonRows<VersionChange>(
        db,
        `select c.* from howdah.diff_${one}_versions($1, $2, $3) as c`,
        [params.id, params.version, params.other],
      );
      return { body: { data } };
    },
  });
}

function restoreVersion({ kind, path, one, Name, tag }: Versioned) {
  return operation({
    method: 'POST',
    path: `${path}/{id}/versions/{version}/restore`,
    id: `restore${Name}Version`,
    tag,
    summary: `Restore ${withArticle(one)} to a version`,
    description: 'The restored state is a new version. See docs/versions.md for what stays.',
    params: byId.extend({ version: named }),
    answers: { 200: { description: `The ${one}`, schema: kind.row } },
    async work(db, { params: { id, version } }) {
      await requireRow(db, kind, id);
      await db.query(
        `select howdah.restore_${one}_version($1, v.version)
         from howdah_private.version_of($2, $1, $3) as v`,
        [id, one, version],
      );
      await checkConstraints(db);
      return shownRow(kind, await requireRow(db, kind, id));
    },
  });
}

const labelPath = ({ path }: Versioned) => `${path}/{id}/labels/{label}`;
const ofLabel = byId.extend({
  label: z
    .string()
    .describe('The label, such as production: a lower-case letter, then a-z 0-9 _ -'),
});

function labelVersion(versioned: Versioned) {
  const { kind, one, Name, tag } = versioned;
  return operation({
    method: 'PUT',
    path: labelPath(versioned),
    id: `label${Name}Version`,
    tag,
    summary: `Give a version of ${withArticle(one)} a label, or move the label to it`,
    params: ofLabel,
    body: z.strictObject({ version: z.int32().describe('The number of the version') }),
    answers: { 200: { description: 'The label', schema: label } },
    async work(db, { params: { id, label }, body }) {
      await requireRow(db, kind, id);
      const made = await jsonRow<z.output<typeof label>>(
        db,
        `select l.label, l.version, l.created_at, l.updated_at
         from howdah.label_${one}_version($1, $2, $3) as l`,
        [id, body.version, label],
      );
      return { body: made };
    },
  });
}

function removeLabel(versioned: Versioned) {
  const { kind, one, Name, tag } = versioned;
  return operation({
    method: 'DELETE',
    path: labelPath(versioned),
    id: `delete${Name}Label`,
    tag,
    summary: `Remove a label from a version of ${withArticle(one)}`,
    params: ofLabel,
    answers: { 204: { description: 'The label was removed; the version stays' } },
    async work(db, { params: { id, label } }) {
      await requireRow(db, kind, id);
      const { rowCount } = await db.query(
        `delete from howdah.version_labels as l where l.${one}_id = $1 and l.label = $2`,
        [id, label],
      );
      if (rowCount === 0) throw noSuch('label', label);
      return { status: 204, body: undefined };
    },
  });
}

async function requireRow(db: Queryable, { collection, one }: Resource, id: string) {
  const found = await findRow(db, collection, id);
  if (!found) throw noSuch(one, id);
  return found;
}
