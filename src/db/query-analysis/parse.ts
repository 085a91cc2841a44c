import type { SqlError } from 'libpg-query';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { type Call, createWalk, Refusal, type TableName } from './query-walker.ts';

export type ReadQuery = {
  /** The one SELECT, without the semicolon and what surrounds it. */
  text: string;
  /** Functions, operators and fields it names, for the catalogue to judge; null: it is ours, and reads the system. */
  calls: Call[] | null;
  /** Tables that the query names; the catalogue counts the tables behind them. */
  tables: TableName[];
};

/** Longer is no question; and what the parser is given stays within its stack. */
const MOST_CHARACTERS = 20_000;

/**
 * Looks at a query with the parser of Postgres: it has to be one SELECT (VALUES, TABLE, WITH … SELECT) that writes and locks
 * nothing and names tables of `schemas` only; null means of any but those of the system. What it names is judged by its
 * tree, never by its text.
 */
export async function parseQuery(
  query: string,
  schemas: readonly string[] | null,
): Promise<Outcome<ReadQuery>> {
  if (query.length > MOST_CHARACTERS || query.includes('\0')) {
    return refused(`a query has at most ${MOST_CHARACTERS} characters, and none of them is zero`);
  }
  try {
    const { parse } = await import('libpg-query'); // it takes as long as all the rest of a command to load
    if (query.trim() === '') return refused('it is empty', 'Give one SELECT.'); // the parser throws
    const { stmts = [] } = (await parse(query)) as unknown as { stmts?: JsonObject[] };
    const [only] = stmts;
    if (!only || stmts.length > 1) {
      return refused(`it has ${stmts.length} statements: give one SELECT`);
    }
    const walk = createWalk(schemas);
    walk.statement(only.stmt as JsonObject);
    const { calls, tables } = walk;
    return { ok: true, value: { text: textOf(query, only), calls, tables } };
  } catch (error) {
    return failed(error, query);
  }
}

/** Lengths of the parser count bytes; no length means to the end. */
function textOf(query: string, { stmt_location = 0, stmt_len }: JsonObject): string {
  const start = Number(stmt_location);
  const end = stmt_len === undefined ? undefined : start + Number(stmt_len);
  return Buffer.from(query).subarray(start, end).toString('utf8').trim();
}

function failed(error: unknown, query: string): Outcome<never> {
  if (error instanceof Refusal) return refused(error.message, error.hint);
  const { sqlDetails } = error as SqlError;
  if (sqlDetails) {
    const at = sqlDetails.cursorPosition;
    return refused(sqlDetails.message, undefined, { sqlstate: '42601', ...placeOf(query, at) });
  }
  // nested more deeply than a stack holds, there or here
  const reason = `it could not be read: ${(error as Error).message}`;
  return refused(reason, 'Write it shorter, and with fewer levels, by WITH.');
}

/** Where in the query, for people and models, from 1 as Postgres counts; `at` counts characters (code points) from 0. */
export function placeOf(query: string, at: number): JsonObject {
  const before = [...query].slice(0, at).join('');
  const line = before.split('\n').length;
  const column = [...before.slice(before.lastIndexOf('\n') + 1)].length + 1;
  const near = [...query].slice(at, at + 40).join('');
  return { position: at + 1, line, column, ...(near === '' ? {} : { near }) };
}

/** The error for a query that was not sent to the database, which its author may mend. */
export function refused(reason: string, hint?: string, cause: JsonObject = {}): Outcome<never> {
  const details: JsonObject = { ...cause, ...(hint ? { hint } : {}) };
  const error: RunError = {
    code: 'invalid_arguments',
    message: `the query was not run: ${reason}`,
    retryable: false,
    ...(Object.keys(details).length > 0 ? { cause: details } : {}),
  };
  return { ok: false, error };
}
