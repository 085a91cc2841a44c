import { z } from 'zod';
import { page, pageOf } from '../resources/fields.ts';
import { inCamels, type Resource } from '../resources/resource.ts';
import { type Operation, operation } from './operation.ts';
import { answerPage } from './pagination.ts';

type Page<Row> = { data: Row[]; next: string | null };

/** Returns the operation that lists the rows of a resource. */
export function listOperation<Row>(
  resource: Resource,
): Operation<{ query?: Readonly<Record<string, unknown>> }, Page<Row>> {
  const { path, many, collection, filters, row } = resource;
  const tag = tagOf(resource);
  return operation({
    method: 'GET',
    path,
    id: `list${inCamels(tag)}`,
    tag,
    summary: `List ${many}, newest first`,
    isReplicable: true,
    query: z.strictObject({ ...page, ...filters.query }),
    answers: { 200: { description: `A page of ${many}`, schema: pageOf(row) } },
    async work(db, { query, url }) {
      return answerPage(db, collection, filters.conditions(query), query, url);
    },
  }) as unknown as Operation<{ query?: Readonly<Record<string, unknown>> }, Page<Row>>;
}

/** Returns the name of the group of operations that a resource has. */
export const tagOf = ({ path }: Pick<Resource, 'path'>) => path.split('/').at(-1) ?? path;
