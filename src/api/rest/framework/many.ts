import { z } from 'zod';
import type { Queryable } from '../../../db/connection/pool.ts';
import { id } from '../../../resources/fields.ts';
import type { RouteResponse } from './route.ts';

/** Maximum number of ids in a request. The SQL functions have the same limit. */
const MAX_IDS = 10_000;

/** The ids of a request for many rows. */
export const manyIds = z
  .array(id)
  .min(1)
  .max(MAX_IDS)
  .describe(`The ids of the rows, at most ${MAX_IDS}`);

/** Describes the answer to such a request: a result for each id, in order. */
export function resultsOf(name: string, statuses: readonly [string, ...string[]]): z.ZodObject {
  const error = z
    .object({
      code: z.string(),
      message: z.string(),
      detail: z.unknown(),
      hint: z.string().nullable(),
    })
    .meta({ id: 'ErrorOfRow' });
  return z.object({
    data: z.array(
      z
        .object({
          id,
          status: z.enum(statuses).nullable().describe('The status now; null of an unknown id'),
          error: error.nullable().describe('Why nothing was changed; null if it was'),
        })
        .meta({ id: name }),
    ),
  });
}

/** Calls a SQL function that changes many rows and returns a result for each. */
export async function changeMany(
  db: Queryable,
  name: string,
  values: readonly unknown[],
): Promise<RouteResponse> {
  const places = values.map((_value, index) => `$${index + 1}`).join(', ');
  const { rows } = await db.query(`select id, status, error from howdah.${name}(${places})`, [
    ...values,
  ]);
  return { body: { data: rows } };
}
