import type { SqlError } from 'libpg-query';
import type { JsonObject } from '../contracts/json.ts';
import { placeOf } from './reading/parse.ts';

/** `create function …` as it stands in a text of SQL, with what `comment on function` says of it there. */
export type FunctionText = {
  /** Without its schema. */
  name: string;
  definition: string;
  comment?: string;
  /** Counted from one. */
  line: number;
  column: number;
};

export type FunctionFault = { line: number; column: number; message: string };

type Statement = { stmt: JsonObject; stmt_location?: number; stmt_len?: number };

/**
 * The functions of a text, which may hold nothing but `create function` and `comment on function`: what else it did would
 * be done as the owner of the database, unseen. Looked at with the parser of Postgres; never run here. Never throws.
 */
export async function functionsIn(
  text: string,
): Promise<{ functions: FunctionText[]; faults: FunctionFault[] }> {
  const functions: FunctionText[] = [];
  const faults: FunctionFault[] = [];
  const fault = (at: number, message: string) => faults.push({ ...pointAt(text, at), message });
  for (const statement of await statementsOf(text, fault)) {
    const start = charactersBefore(text, statement.stmt_location ?? 0);
    const [[kind, content] = []] = Object.entries(statement.stmt) as [string, JsonObject][];
    const name =
      kind === 'CreateFunctionStmt' ? lastName(content?.funcname) : commented(kind, content);
    const known = functions.find((one) => one.name === name);
    if (name === undefined)
      fault(start, 'only create function and comment on function may stand here');
    else if (kind !== 'CreateFunctionStmt') {
      if (known) known.comment = String(content?.comment ?? '');
      else fault(start, `there is no function ${name} before its comment`);
    } else if (known) fault(start, `${name} is created twice: a name is of one function`);
    else functions.push({ name, definition: textOf(text, statement), ...pointAt(text, start) });
  }
  return { functions, faults };
}

async function statementsOf(
  text: string,
  fault: (at: number, message: string) => void,
): Promise<Statement[]> {
  if (text.trim() === '') return [];
  try {
    const { parse } = await import('libpg-query'); // takes a moment, and few files have functions
    const { stmts = [] } = (await parse(text)) as unknown as { stmts?: Statement[] };
    return stmts;
  } catch (error) {
    const at = (error as SqlError).sqlDetails?.cursorPosition ?? 0;
    fault(at, (error as Error).message);
    return [];
  }
}

function lastName(names: unknown): string | undefined {
  const last = (names as { String?: { sval?: string } }[] | undefined)?.at(-1);
  return last?.String?.sval;
}

function commented(kind: string | undefined, content: JsonObject | undefined): string | undefined {
  if (kind !== 'CommentStmt' || content?.objtype !== 'OBJECT_FUNCTION') return undefined;
  const { ObjectWithArgs } = (content.object ?? {}) as { ObjectWithArgs?: { objname?: unknown } };
  return lastName(ObjectWithArgs?.objname);
}

/** Lengths of the parser count bytes; no length means to the end. */
function textOf(text: string, { stmt_location = 0, stmt_len }: Statement): string {
  const end = stmt_len === undefined ? undefined : stmt_location + stmt_len;
  return Buffer.from(text).subarray(stmt_location, end).toString('utf8').trim();
}

/** What lies before a statement, with the space that belongs to it. */
function charactersBefore(text: string, bytes: number): number {
  const rest = Buffer.from(text).subarray(bytes).toString('utf8');
  const space = rest.length - rest.trimStart().length;
  return [...Buffer.from(text).subarray(0, bytes).toString('utf8')].length + space;
}

function pointAt(text: string, at: number): { line: number; column: number } {
  const { line, column } = placeOf(text, at);
  return { line: Number(line), column: Number(column) };
}
