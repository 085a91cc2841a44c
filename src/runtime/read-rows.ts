import type { Action } from '../contracts/action.ts';
import type { Outcome } from '../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../contracts/json.ts';
import type { Rows } from '../contracts/reading.ts';
import { rowsOf } from '../db/read-rows.ts';
import { backOff } from './backoff.ts';
import type { HeldRun } from './held-run.ts';
import type { World } from './world.ts';

type ReadRows = Extract<Action, { type: 'read_rows' }>;

/** As long as a query of a workflow may take, when the run has that long. */
const TIMEOUT_MS = 60_000;
/** So much its rows may be, as JSON: they are kept in one step. */
const MOST_BYTES = 16 * 2 ** 20;
/** A query that cannot be asked is asked again, over half a minute: a server that restarts is there again by then. */
const TRIES = 6;
const LEAST_MS = 500;

/** Reads them, for the user of the run and with his rights, and keeps them in the log: the run goes by what was read once. */
export async function readRows(
  { query, most }: ReadRows,
  run: HeldRun,
  { sqlToolPool, random, sleep }: World,
): Promise<void> {
  const started_at = new Date().toISOString();
  const { tenant_id: tenantId } = run.context;
  const timeoutMs = Math.min(TIMEOUT_MS, run.timeLeft);
  const request = {
    boundTo: { tenantId, executionId: run.id },
    query,
    schemas: null,
    limits: { rows: most, bytes: MOST_BYTES, cost: null, timeoutMs },
    signal: run.abort.signal,
  };
  const ask = async (): Promise<Outcome<Rows>> => {
    const asked = await rowsOf(sqlToolPool, request);
    // a person wrote it: it may read what the application may as well
    return isForbidden(asked) ? rowsOf(sqlToolPool, { ...request, role: 'howdah_tool' }) : asked;
  };
  let answer = await ask();
  for (let attempt = 1; isWorthAnother(answer, attempt, request.signal); attempt += 1) {
    const { error } = answer;
    await sleep(Math.max(backOff(error, attempt, random), LEAST_MS * 2 ** attempt), request.signal);
    answer = await ask();
  }
  const outcome = whole(answer, most);
  if (run.abort.signal.aborted) {
    return; // not ours any more
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

/** A database that goes away is there again some time; a query that is refused is refused again. */
function isWorthAnother(
  answer: Outcome<Rows>,
  attempt: number,
  signal: AbortSignal,
): answer is Extract<Outcome<Rows>, { ok: false }> {
  return !answer.ok && answer.error.retryable && attempt < TRIES && !signal.aborted;
}

function isForbidden(asked: Outcome<Rows>): boolean {
  const cause = asked.ok ? null : asked.error.cause;
  return isJsonObject(cause ?? null) && (cause as JsonObject).sqlstate === '42501';
}

/** A part of the rows would be another task. */
function whole(outcome: Outcome<Rows>, most: number): Outcome<JsonObject[]> {
  if (!outcome.ok) return outcome;
  const { rows, cut_by } = outcome.value;
  if (cut_by === null) return { ok: true, value: rows };
  const limit = cut_by === 'rows' ? `${most} rows` : `${MOST_BYTES} bytes`;
  const message = `the query gives more than ${limit}`;
  return { ok: false, error: { code: 'limit_reached', message, retryable: false } };
}
