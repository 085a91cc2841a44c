import { z } from 'zod';
import { jsonPage } from '../../../db/queries/json-rows.ts';
import { findRow } from '../../../db/queries/row-collection.ts';
import { noSuch } from '../../errors/request-refusal.ts';
import { byId, object, page, pageOf, time } from '../../http/fields.ts';
import { type CrudResource, withArticle } from '../framework/crud-resource.ts';
import { numberIn, pageAnswer } from '../framework/pages.ts';
import { type Route, route } from '../framework/route.ts';

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

/** Creates the route that lists the immutable versions of a row, the newest first. */
export function versionsRoute(kind: CrudResource): Route {
  const { path, one, collection } = kind;
  return route({
    method: 'GET',
    path: `${path}/{id}/versions`,
    id: `list${one.charAt(0).toUpperCase()}${one.slice(1)}Versions`,
    tag: path.split('/').at(-1) ?? path,
    summary: `List the versions of ${withArticle(one)}, newest first`,
    isReplicable: true,
    params: byId,
    query: z.strictObject(page),
    answers: { 200: { description: 'A page of versions', schema: pageOf(version) } },
    async work(db, { params, query, url }) {
      if (!(await findRow(db, collection, params.id))) throw noSuch(one, params.id);
      const rows = await jsonPage<{ version: number }>(
        db,
        `select v.version, v.digest, array(
           select l.label from howdah.version_labels as l
           where l.${one}_id = v.${one}_id and l.version = v.version order by l.label) as labels,
           v.created_by, v.created_at, v.definition
         from howdah.${one}_versions as v
         where v.${one}_id = $1 and ($2::int is null or v.version < $2)
         order by v.version desc limit $3`,
        [params.id, numberIn(query.cursor, url) ?? null, query.limit + 1],
      );
      return pageAnswer(rows, query.limit, url, (row) => row.version);
    },
  });
}
