import { z } from 'zod';
import type { RunError } from '../../../contracts/errors.ts';
import { callPrivate } from '../../../db/connection/pool.ts';
import { isJsonObject, type JsonObject } from '../../../json/json.ts';
import { object } from '../../../resources/fields.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import { route } from '../framework/route.ts';

/** Most bytes of the rows of an answer, as JSON. */
const MAX_BYTES = 1_000_000;
/** The highest cost of a plan, in the units of Postgres. */
const MAX_COST = 10_000_000;
const TIMEOUT_MS = 5_000;

/** Route that runs a SELECT with the rights of the caller, in a transaction that is rolled back. */
export const runSqlQuery = route({
  method: 'POST',
  path: '/api/sql',
  id: 'runSqlQuery',
  tag: 'sql',
  summary: 'Run one SELECT with the rights of the caller',
  description:
    'The query passes the checks of queries of models: docs/security.md#queries-of-models. It takes at most five seconds, and 1 MB of rows. For admins and owners.',
  body: z.strictObject({
    query: z.string().describe('One SELECT, VALUES, TABLE or WITH … SELECT'),
    limit: z.int().min(1).max(1000).default(200).describe('Most rows'),
  }),
  answers: {
    200: {
      description: 'The rows',
      schema: z.object({
        rows: z.array(object),
        cut_by: z
          .enum(['rows', 'bytes'])
          .nullable()
          .describe('Why rows are missing; null if there are no others'),
      }),
    },
  },
  async serve({ body: { query, limit } }, { transaction, queryRows }) {
    // Before the text is read, which takes longer
    await transaction((db) => callPrivate(db, 'check_admin', 'query the database'));
    const limits = { rows: limit, bytes: MAX_BYTES, cost: MAX_COST, timeoutMs: TIMEOUT_MS };
    const outcome = await queryRows(query, limits);
    if (!outcome.ok) throw toRefusal(outcome.error);
    return { body: outcome.value };
  },
});

/** Returns the error of a query as that of its request, with the place in the text. */
function toRefusal({ code, message, retryable, cause }: RunError): RequestRefusal {
  const { hint, ...detail }: JsonObject = isJsonObject(cause ?? null) ? (cause as JsonObject) : {};
  const { line, column } = detail;
  const place = line === undefined ? '' : ` (line ${line}, column ${column})`;
  return new RequestRefusal(retryable ? 503 : 400, `${message}${place}`, {
    ...(typeof hint === 'string' && { hint }),
    detail: { field: 'query', reason: code, ...detail },
  });
}
