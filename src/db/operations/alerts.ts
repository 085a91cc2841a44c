import { QUERY_DEFAULTS } from '../../contracts/bounded-read.ts';
import type { RunError } from '../../contracts/errors.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { Pool, Queryable } from '../connection/pool.ts';
import type { QueryPool } from '../sql-tools/query-pool.ts';

/** The maximum time and result size of a query. */
const TIMEOUT_MS = 10_000;
const MAX_ROWS = 100;
const MAX_BYTES = 1_048_576;

type Rule = { id: string; tenant_id: string; query: string | null; found: Json[] | null };

/** The rows that a rule found, or the error of its query. */
type Found = { rows: Json[]; error: string | null };

/** Returns the current rule. Returns undefined when the rule is deleted or inactive. */
export async function beginAlert(
  pool: Pool,
  rule: { id: string; tenant_id: string },
): Promise<Rule | undefined> {
  const { rows } = await pool.query<{ rule: Rule | null }>(
    'select howdah_private.start_alert_check($1, $2) as rule',
    [rule.id, rule.tenant_id],
  );
  return rows[0]?.rule ?? undefined;
}

/**
 * Runs the query of a rule with the rights of its tenant and none of the engine's. The database
 * then evaluates the rows.
 */
export async function checkAlert(
  pool: Pool,
  queries: Pick<QueryPool, 'rows'>,
  rule: Rule,
): Promise<void> {
  const { rows, error } =
    rule.query === null
      ? { rows: rule.found ?? [], error: null }
      : await ask(queries, rule.query, rule.tenant_id);
  await pool.query('select howdah_private.finish_alert_check($1, $2, $3, $4, $5)', [
    rule.id,
    rule.tenant_id,
    rule.query,
    JSON.stringify(rows),
    error,
  ]);
}

/**
 * Runs the query of a rule, which an admin wrote. It may read every schema that is open to queries,
 * within the limits of queries.
 */
async function ask(
  queries: Pick<QueryPool, 'rows'>,
  query: string,
  tenantId: string,
): Promise<Found> {
  const { max_cost: cost } = QUERY_DEFAULTS;
  const outcome = await queries.rows({
    boundTo: { tenantId },
    query,
    schemas: null,
    limits: { rows: MAX_ROWS, bytes: MAX_BYTES, cost, timeoutMs: TIMEOUT_MS },
    signal: new AbortController().signal,
  });
  return outcome.ok
    ? { rows: outcome.value.rows as Json[], error: null }
    : { rows: [], error: whyNot(outcome.error, query) };
}

/** Returns the message of a failed query. If access was denied, adds how to get access. */
function whyNot({ message, cause }: RunError, query: string): string {
  if (!isJsonObject(cause ?? null) || (cause as JsonObject).sqlstate !== '42501') return message;
  const [, ofOwners] = /\bhowdah\.(violations|alerts)\b/i.exec(query) ?? [];
  const way = ofOwners
    ? `It covers all tenants: an owner of the database must set engine_check = '${ofOwners.toLowerCase()}' instead of the query.`
    : (cause as JsonObject).hint;
  return way ? `${message}. ${way}` : message;
}

/** Creates the usual rules whose names do not exist yet. */
export async function useAlerts(client: Queryable, webhookId?: string): Promise<void> {
  await client.query('select from howdah.use_alert_rules($1)', [webhookId ?? null]);
}
