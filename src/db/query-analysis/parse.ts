import type { SqlError } from 'libpg-query';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { type QueryCall, QueryWalker, type TableName } from './query-walker.ts';
import { QueryRefusal } from './refusal.ts';

export type ReadQuery = {
  /** The single SELECT, without the semicolon and the surrounding text. */
  text: string;
  /**
   * Functions, operators and fields that the query names, for a check by the catalogue; null for a
   * query of ours, which reads the system.
   */
  calls: QueryCall[] | null;
  /** Tables that the query names; the catalogue counts the tables behind them. */
  tables: TableName[];
};

/**
 * The maximum length of a query. A longer text is not a question, and the limit keeps the parser
 * within its stack.
 */
const MAX_CHARACTERS = 20_000;

/**
 * Parses a query with the parser of Postgres. The query must be one SELECT (VALUES, TABLE, WITH …
 * SELECT) that writes and locks nothing. It may name only tables of `schemas`; null allows all
 * schemas except those of the system. The names are checked in the parse tree, never in the text.
 */
export async function parseQuery(
  query: string,
  schemas: readonly string[] | null,
): Promise<Outcome<ReadQuery>> {
  if (query.length > MAX_CHARACTERS || query.includes('\0')) {
    return rejectQuery(
      `a query has at most ${MAX_CHARACTERS} characters, and none of them is zero`,
    );
  }
  try {
    const { parse } = await import('libpg-query'); // takes as long to load as the rest of a command
    if (query.trim() === '') return rejectQuery('it is empty', 'Give one SELECT.'); // the parser throws
    const { stmts = [] } = (await parse(query)) as unknown as { stmts?: JsonObject[] };
    const [only] = stmts;
    if (!only || stmts.length > 1) {
      return rejectQuery(`it has ${stmts.length} statements: give one SELECT`);
    }
    const walker = new QueryWalker(schemas);
    walker.walk(only.stmt as JsonObject);
    const { calls, tables } = walker;
    return { ok: true, value: { text: textOf(query, only), calls, tables } };
  } catch (error) {
    return parseError(error, query);
  }
}

/**
 * Returns the text of a statement. The parser counts lengths in bytes. A missing length means up to
 * the end of the text.
 */
function textOf(query: string, { stmt_location = 0, stmt_len }: JsonObject): string {
  const start = Number(stmt_location);
  const end = stmt_len === undefined ? undefined : start + Number(stmt_len);
  return Buffer.from(query).subarray(start, end).toString('utf8').trim();
}

function parseError(error: unknown, query: string): Outcome<never> {
  if (error instanceof QueryRefusal) return rejectQuery(error.message, error.hint);
  const { sqlDetails } = error as SqlError;
  if (sqlDetails) {
    const at = sqlDetails.cursorPosition;
    return rejectQuery(sqlDetails.message, undefined, { sqlstate: '42601', ...placeOf(query, at) });
  }
  // The query is nested more deeply than the stack of the parser or of this process allows.
  const reason = `it could not be read: ${(error as Error).message}`;
  return rejectQuery(reason, 'Write it shorter, and with fewer levels, by WITH.');
}

/**
 * Returns the position in the query for people and models, counted from 1 as in Postgres. `at`
 * counts characters (code points) from 0.
 */
export function placeOf(query: string, at: number): JsonObject {
  const before = [...query].slice(0, at).join('');
  const line = before.split('\n').length;
  const column = [...before.slice(before.lastIndexOf('\n') + 1)].length + 1;
  const near = [...query].slice(at, at + 40).join('');
  return { position: at + 1, line, column, ...(near === '' ? {} : { near }) };
}

/**
 * Returns the error for a query that was not sent to the database. The author of the query may
 * correct it.
 */
export function rejectQuery(reason: string, hint?: string, cause: JsonObject = {}): Outcome<never> {
  const details: JsonObject = { ...cause, ...(hint ? { hint } : {}) };
  const error: RunError = {
    code: 'invalid_arguments',
    message: `the query was not run: ${reason}`,
    retryable: false,
    ...(Object.keys(details).length > 0 ? { cause: details } : {}),
  };
  return { ok: false, error };
}
