import type { Outcome, RunError } from '../contracts/errors.ts';
import type { Json, JsonObject } from '../contracts/json.ts';
import { inTransaction, type Pool } from './pool.ts';
import { type BoundTo, boundQuery, enterSandbox, FORGET_SESSION } from './sandbox.ts';
import { breakOnAbort, exactJson, failureOf } from './sql-tool.ts';

export type RowsRequest = {
  /** The run it is for, for whose tenant and with whose user's rights it reads. */
  boundTo: Required<BoundTo>;
  /** One SELECT. */
  query: string;
  most: number;
  timeoutMs: number;
  signal: AbortSignal;
};

/** What ends the transaction: nothing is written in it, and what only acts at a commit shall not. */
const READ = Symbol('read');

/** The rows of a query that is not ours, each as JSON, read in a transaction that writes nothing and is undone. */
export async function rowsOf(pool: Pool, request: RowsRequest): Promise<Outcome<Json[]>> {
  const { boundTo, query, most, timeoutMs, signal } = request;
  let rows: Json[] = [];
  try {
    await inTransaction(
      pool,
      async (client) => {
        const stop = breakOnAbort(client, signal);
        try {
          await client.query('set transaction read only');
          await enterSandbox(client, boundTo, timeoutMs);
          const texts = await boundQuery(client, statementOf(query, most), '{}', timeoutMs);
          rows = texts.map((text) => exactJson(text ?? 'null'));
        } finally {
          stop();
        }
        throw READ;
      },
      FORGET_SESSION,
    );
  } catch (error) {
    if (error !== READ) {
      return {
        ok: false,
        error: placed(failureOf(error, { timeoutMs }, 'the query'), error, query),
      };
    }
  }
  return rows.length > most
    ? {
        ok: false,
        error: {
          code: 'limit_reached',
          message: `the query gives more than ${most} rows`,
          retryable: false,
        },
      }
    : { ok: true, value: rows };
}

/** The error with its place in the query, where Postgres tells one that is not in what we put around it. */
function placed(fault: RunError, error: unknown, query: string): RunError {
  const position =
    Number((error as { internalPosition?: string }).internalPosition) - BEFORE.length;
  const before = [...query].slice(0, position - 1); // Postgres counts characters, not UTF-16
  if (!(position >= 1 && position <= [...query].length)) {
    return fault;
  }
  const lines = before.join('').split('\n');
  const place = { position, line: lines.length, column: [...(lines.at(-1) ?? '')].length + 1 };
  return { ...fault, cause: { ...(fault.cause as JsonObject), ...place } };
}

const BEFORE = 'select pg_catalog.to_json(r.*)::text as value from (';

/** As a part of a SELECT it can be nothing but one; the line break ends a comment it may end with. */
function statementOf(query: string, most: number): string {
  return `${BEFORE}${query.replace(/;\s*$/, '')}\n) as r limit ${most + 1}`;
}
