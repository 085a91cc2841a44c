import type { ReadLimits, Rows } from '../../contracts/bounded-read.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { Queryable } from '../connection/pool.ts';
import { parseQuery } from '../query-analysis/parse.ts';
import { BOUNDS_OF_READS, explainError, readRows, refuseRead } from './bounded-read.ts';

/**
 * Runs a SELECT that a person wrote, in a transaction of the API that acts for this person. The
 * query passes the checks of queries of models. It has the rows that the caller may see, in every
 * schema that howdah_analyst may read. Throws `HWDEN` if the caller may not query.
 */
export async function queryAsCaller(
  client: Queryable,
  query: string,
  limits: ReadLimits,
): Promise<Outcome<Rows>> {
  const request = { query, limits, schemas: null, signal: new AbortController().signal };
  // Before the text is read, which takes longer than this check
  await client.query("select howdah_private.check_admin('query the database')");
  const parsed = await parseQuery(query, null);
  if (!parsed.ok) return parsed;
  // The role of the tenant may not bind SQL, so the session is the API's own again
  await client.query('set local role howdah_authenticator');
  const refusal = await refuseRead(client, request, parsed.value);
  if (refusal) return refusal;
  await client.query(BOUNDS_OF_READS);
  await client.query(
    `select set_config('howdah.bound', howdah_private.caller_binding(), true),
       set_config('statement_timeout', $1, true), set_config('role', 'howdah_reader', true)`,
    [String(limits.timeoutMs)],
  );
  try {
    return { ok: true, value: await readRows(client, request, parsed.value) };
  } catch (error) {
    return { ok: false, error: explainError(error, request, parsed.value.text) };
  }
}
