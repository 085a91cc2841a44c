import type { SqlError } from 'libpg-query';
import type { JsonObject } from '../../json/json.ts';
import { placeOf } from '../query-analysis/parse.ts';

/** A `create function` statement in a SQL text, with the text of its `comment on function`. */
export type FunctionText = {
  /** The name without its schema. */
  name: string;
  definition: string;
  comment?: string;
  /** The position in the text, counted from one. */
  line: number;
  column: number;
};

export type FunctionFault = { line: number; column: number; message: string };

type Statement = { stmt: JsonObject; stmt_location?: number; stmt_len?: number };

/** The maximum number of faults reported for one text. */
const MAX_FAULTS = 20;

/**
 * Returns the functions of a text. The text may contain only `create function` and `comment on
 * function`, because any other statement would run unseen as the owner of the database. The text is
 * read with the parser of Postgres and is not run here. Never throws.
 */
export async function functionsIn(
  text: string,
): Promise<{ functions: FunctionText[]; faults: FunctionFault[] }> {
  const functions = new Map<string, FunctionText>();
  const faults: FunctionFault[] = [];
  const read = await statementsOf(text);
  if ('fault' in read) return { functions: [], faults: [read.fault] };
  const bytes = Buffer.from(text);
  const placeAt = placesIn(bytes);
  for (const statement of read.statements) {
    const place = placeAt(statement.stmt_location ?? 0);
    const fault = (message: string) => faults.push({ ...place, message });
    const [[kind, content] = []] = Object.entries(statement.stmt) as [string, JsonObject][];
    const name =
      kind === 'CreateFunctionStmt'
        ? lastName(content?.funcname)
        : commentedFunction(kind, content);
    const known = name === undefined ? undefined : functions.get(name);
    if (name === undefined) fault('only create function and comment on function are allowed here');
    else if (kind !== 'CreateFunctionStmt') {
      if (known) known.comment = String(content?.comment ?? '');
      else fault(`the comment on function ${name} comes before the function`);
    } else if (known) fault(`function ${name} is created twice; overloads are not supported`);
    else functions.set(name, { name, definition: definitionOf(bytes, statement), ...place });
    if (faults.length >= MAX_FAULTS) break;
  }
  return { functions: [...functions.values()], faults };
}

async function statementsOf(
  text: string,
): Promise<{ statements: Statement[] } | { fault: FunctionFault }> {
  if (text.trim() === '') return { statements: [] };
  try {
    const { parse } = await import('libpg-query'); // takes a moment, and few files have functions
    const { stmts = [] } = (await parse(text)) as unknown as { stmts?: Statement[] };
    return { statements: stmts };
  } catch (error) {
    const { line, column } = placeOf(text, (error as SqlError).sqlDetails?.cursorPosition ?? 0);
    const message = (error as Error).message;
    return { fault: { line: Number(line), column: Number(column), message } };
  }
}

function lastName(names: unknown): string | undefined {
  const last = (names as { String?: { sval?: string } }[] | undefined)?.at(-1);
  return last?.String?.sval;
}

function commentedFunction(
  kind: string | undefined,
  content: JsonObject | undefined,
): string | undefined {
  if (kind !== 'CommentStmt' || content?.objtype !== 'OBJECT_FUNCTION') return undefined;
  const { ObjectWithArgs } = (content.object ?? {}) as { ObjectWithArgs?: { objname?: unknown } };
  return lastName(ObjectWithArgs?.objname);
}

/**
 * Returns the text of a statement. The parser counts lengths in bytes. A missing length means up to
 * the end of the text.
 */
function definitionOf(bytes: Buffer, { stmt_location = 0, stmt_len }: Statement): string {
  const end = stmt_len === undefined ? undefined : stmt_location + stmt_len;
  return bytes.subarray(stmt_location, end).toString('utf8').trim();
}

/**
 * Returns a function that returns the position of a statement, after the white space before it.
 * Call that function in the order of the text, because the text is read once.
 */
function placesIn(bytes: Buffer): (location: number) => { line: number; column: number } {
  let at = 0;
  let line = 1;
  let column = 1;
  const goTo = (end: number) => {
    for (const character of bytes.subarray(at, end).toString('utf8')) {
      if (character === '\n') line += 1;
      column = character === '\n' ? 1 : column + 1;
    }
    at = Math.max(at, end);
  };
  return (location) => {
    goTo(location);
    while (at < bytes.length && SPACE.includes(bytes[at] as number)) goTo(at + 1);
    return { line, column };
  };
}
const SPACE = [...' \t\r\n\f\v'].map((character) => character.charCodeAt(0));
