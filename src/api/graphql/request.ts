import './environment.ts';
import { SafeError } from 'postgraphile/grafast';
import { isJsonObject, type Json } from '../../contracts/json.ts';

/** Levels of lists and objects in variables; what reads them calls itself for each. */
const MOST_LEVELS = 64;

/** What is wrong with a request that is JSON but no request of GraphQL; undefined when nothing is. */
export function shapeFault(body: Json): string | undefined {
  if (!isJsonObject(body)) return 'A request is one object: {"query": "…", "variables": {…}}.';
  const { query, operationName, variables, extensions } = body;
  const isText = (value: Json | undefined) => value == null || typeof value === 'string';
  const isObject = (value: Json | undefined) => value == null || isJsonObject(value);
  if (!isText(query)) return '`query` is the text of an operation.';
  if (!isText(operationName)) return '`operationName` is a text.';
  if (!isObject(variables)) return '`variables` is an object.';
  if (!isObject(extensions)) return '`extensions` is an object.';
  const isNamed = [body.id, body.documentId, extensions].some((value) => value != null);
  return query != null || isNamed ? undefined : '`query` is missing.';
}

/** Refuses variables that no row could hold, before anything is asked. Throws a `SafeError` with `HWINV`. */
export function refuseVariables(variables: unknown): void {
  const fault = faultIn(variables, 'variables', 0);
  if (fault) throw refusal(`${fault.path} ${fault.reason}`, { field: fault.path });
}

/** An error a client is told, over HTTP with status 400. */
export function refusal(message: string, detail: Json, hint?: string): SafeError {
  return new SafeError(message, { statusCode: 400, code: 'HWINV', detail, hint });
}

type Fault = { path: string; reason: string };

/**
 * Postgres stores no U+0000, and half a surrogate pair is no character: on its way to the database it would silently
 * become another one.
 */
function faultIn(value: unknown, path: string, level: number): Fault | undefined {
  if (typeof value === 'string') return textFault(value, path);
  if (typeof value !== 'object' || value === null) return undefined;
  if (level >= MOST_LEVELS)
    return { path: 'variables', reason: `is nested over ${MOST_LEVELS} deep` };
  for (const [name, inner] of Object.entries(value)) {
    const fault =
      textFault(name, `a name in ${path}`) ?? faultIn(inner, `${path}.${name}`, level + 1);
    if (fault) return fault;
  }
  return undefined;
}

function textFault(text: string, path: string): Fault | undefined {
  if (!text.isWellFormed())
    return { path, reason: 'holds half a surrogate pair, which is no character' };
  return text.includes('\0') ? { path, reason: 'holds the character U+0000' } : undefined;
}
