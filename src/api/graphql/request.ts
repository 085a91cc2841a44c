import './environment.ts';
import { SafeError } from 'postgraphile/grafast';
import { isJsonObject, type Json } from '../../json/json.ts';
import { findUnstorable } from '../http/jsonb-safety.ts';

/**
 * Returns what is wrong with JSON that should be a GraphQL request, or undefined if the request is
 * valid.
 */
export function shapeFault(body: Json): string | undefined {
  if (!isJsonObject(body)) return 'A request is one object: {"query": "…", "variables": {…}}.';
  const { query, operationName, variables, extensions } = body;
  const isText = (value: Json | undefined) => value == null || typeof value === 'string';
  const isObject = (value: Json | undefined) => value == null || isJsonObject(value);
  if (!isText(query)) return '`query` is the text of an operation.';
  if (!isText(operationName)) return '`operationName` is a string.';
  if (!isObject(variables)) return '`variables` is an object.';
  if (!isObject(extensions)) return '`extensions` is an object.';
  const isNamed = [body.id, body.documentId, extensions].some((value) => value != null);
  return query != null || isNamed ? undefined : '`query` is missing.';
}

/**
 * Rejects variables that no row could store, before the database is queried. Throws a `SafeError`
 * with `HWINV`.
 */
export function refuseVariables(variables: unknown): void {
  const fault = findUnstorable(variables, 'variables');
  if (fault) throw refusal(`${fault.path} ${fault.reason}`, { field: fault.path });
}

/** Creates an error that the client sees, over HTTP with status 400. */
export function refusal(message: string, detail: Json, hint?: string): SafeError {
  return new SafeError(message, { statusCode: 400, code: 'HWINV', detail, hint });
}
