import { inTransaction, type Pool } from '../connection/pool.ts';
import { faultOf, isConnectionLoss } from '../connection/sqlstate.ts';
import { boundQuery, FORGET_SESSION, inSandbox } from '../sql-tools/sql-sandbox.ts';
import { isShort, sqlToolFailure } from '../sql-tools/sql-tool.ts';
import type { ClaimedGrade, Grade, SqlGrader } from './due-grades.ts';

const TIMEOUT_MS = 10_000;

/** A value that is thrown to undo the query. */
const ASKED = Symbol('asked');

/**
 * Matches errors that say nothing about the run: the query cannot be parsed, lacks a right, is not
 * supported, took too long, met another transaction, or the server lacks something. Other errors
 * come from values, such as an answer that is not a number, or are raised by functions.
 */
const FAULT_OF_QUERY = /^(0A|25|40|42|5[3-8]|F0|XX)/;

/**
 * Runs the query of a grader against what the run did: the result is right if the query returns a
 * row. The query runs in the sandbox of SQL tools, for the tenant and the user of the run, and is
 * undone. A query that cannot run gives no score. Throws if the database is gone, so that the run
 * is graded later.
 */
export async function askSqlGrader(
  pool: Pool,
  tenantId: string,
  { execution_id, argument }: ClaimedGrade,
  { configuration: { query, timeout_ms: timeoutMs = TIMEOUT_MS } }: SqlGrader,
): Promise<Grade> {
  const boundTo = { tenantId, executionId: execution_id };
  let rows: unknown[] | undefined;
  try {
    await inTransaction(
      pool,
      (client) =>
        inSandbox(client, boundTo, timeoutMs, async () => {
          rows = await boundQuery(client, firstRow(query), argument, timeoutMs);
          throw ASKED;
        }),
      FORGET_SESSION,
    );
  } catch (error) {
    if (error === ASKED) return gradeOf(rows ?? []);
    if (isShort(error) || isDatabaseGone(error)) throw error;
    const { message } = sqlToolFailure(error, { timeoutMs }, 'the query');
    const { code } = faultOf(error);
    const reason = `${code}: ${message}`;
    return FAULT_OF_QUERY.test(code) ? { error: reason } : { score: 0, detail: reason };
  }
  throw new Error('the query of a grader was not undone');
}

/** An error of the server is judged by its code alone: a query may raise any message. */
function isDatabaseGone(error: unknown): boolean {
  const { code } = faultOf(error);
  return isConnectionLoss(/^[0-9A-Z]{5}$/.test(code) ? { code, message: '' } : error);
}

const gradeOf = (rows: readonly unknown[]): Grade =>
  rows.length > 0 ? { score: 1 } : { score: 0, detail: 'the query returned no row' };

/** Returns a statement that reads the first row of a query, which may end in a semicolon. */
function firstRow(query: string): string {
  let text = query.trimEnd();
  while (text.endsWith(';')) text = text.slice(0, -1).trimEnd();
  return `select pg_catalog.to_json(r.*)::text from (${text}\n) as r limit 1`;
}
