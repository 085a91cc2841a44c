import type { Rows } from '../../contracts/bounded-read.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { Action } from '../../contracts/runs/action.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { backOff } from '../environment/backoff.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import type { HeldRun } from '../held-run/held-run.ts';

type ReadRows = Extract<Action, { type: 'read_rows' }>;

/** The time-out of a workflow's query, unless the run has less time left. */
const TIMEOUT_MS = 60_000;
/** Most bytes of the rows as JSON, since one step keeps them. */
const MAX_BYTES = 16 * 2 ** 20;
/** Most attempts at a query. They span half a minute, in which a restarting server returns. */
const TRIES = 6;
const MIN_MS = 500;
/**
 * Most attempts that lose the connection while the query runs. A server that restarts is one
 * reason, a query that ends its process at the server is another.
 */
const TRIES_MIDWAY = 2;

/**
 * Reads the rows of a workflow's query and keeps them in the log, so that the rows are read once
 * per run. A member of the tenant may have written the query. It therefore runs as `sql_query`
 * does: as howdah_reader, for the user of the run, within the schemas and the cost that an admin
 * gave the tenant's tool.
 */
export async function runQueryAction(
  { query, most }: ReadRows,
  run: HeldRun,
  { queries, querySettings, random, sleep }: RuntimeDependencies,
): Promise<void> {
  const started_at = new Date().toISOString();
  const { tenant_id: tenantId } = run.context;
  const { signal } = run.abort;
  const read = async (): Promise<Outcome<Rows>> => {
    const settings = await querySettings(tenantId);
    if (!settings.ok) return settings;
    const { schemas, max_cost: cost } = settings.value;
    const timeoutMs = Math.min(TIMEOUT_MS, run.timeLeft);
    const limits = { rows: most, bytes: MAX_BYTES, cost, timeoutMs };
    return queries.rows({
      boundTo: { tenantId, executionId: run.id },
      query,
      schemas,
      limits,
      signal,
    });
  };
  let answer = await read();
  let lostMidway = 0;
  for (let attempt = 1; isWorthAnother(answer, attempt, signal); attempt += 1) {
    if (wasRunning(answer.error)) lostMidway += 1;
    if (lostMidway === TRIES_MIDWAY) break;
    await sleep(Math.max(backOff(answer.error, attempt, random), MIN_MS * 2 ** attempt), signal);
    answer = await read();
  }
  const outcome = requireAllRows(answer, most);
  if (signal.aborted) {
    return; // the run is not owned any more
  }
  await run.commit([
    {
      kind: 'tool',
      name: 'sql_query',
      call_id: 'query',
      input: { query },
      ...(outcome.ok ? { output: outcome.value } : { error: outcome.error }),
      started_at,
    },
  ]);
}

/** Returns whether a failed query may succeed soon: a database comes back, a rejection stays. */
function isWorthAnother(
  answer: Outcome<Rows>,
  attempt: number,
  signal: AbortSignal,
): answer is Extract<Outcome<Rows>, { ok: false }> {
  return !answer.ok && answer.error.retryable && attempt < TRIES && !signal.aborted;
}

function wasRunning({ cause }: RunError): boolean {
  return isJsonObject(cause) && cause.was_running === true;
}

/** Rejects an incomplete set of rows, which would be another task. */
function requireAllRows(outcome: Outcome<Rows>, most: number): Outcome<JsonObject[]> {
  if (!outcome.ok) return outcome;
  const { rows, cut_by } = outcome.value;
  if (cut_by === null) return { ok: true, value: rows };
  const limit = cut_by === 'rows' ? `${most} rows` : `${MAX_BYTES} bytes`;
  const message = `the query returns more than ${limit}`;
  return { ok: false, error: { code: 'limit_reached', message, retryable: false } };
}
