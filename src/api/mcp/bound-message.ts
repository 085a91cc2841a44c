import { hasMembers, isJsonObject, type Json } from '../../json/json.ts';
import type { Body } from '../http/json-body.ts';

/**
 * Maximum number of values in a message, without the parts that can be any JSON. The MCP library
 * creates and formats an issue for each wrong value, which takes about 20 µs.
 */
const MAX_VALUES = 1_000;

/**
 * Rejects a message with too many values, before the MCP library reads it. The arguments of a tool
 * and the result of a request can be any JSON, and are not counted.
 */
export function boundMessage(body: Body): Body {
  if (!body.ok || isWithin(typedPart(body.value), MAX_VALUES)) return body;
  const message = `The message has more than ${MAX_VALUES} values outside the arguments of a tool.`;
  const hint = 'Leave out capabilities, icons and metadata that the server does not use.';
  return { ok: false, fault: { status: 400, message, hint } };
}

/** Returns a message without the parts that can be any JSON. */
function typedPart(message: Json): Json {
  if (!isJsonObject(message)) return message;
  const { result: _result, ...request } = message;
  const { method, params = null } = request;
  if (method !== 'tools/call' || !isJsonObject(params)) return request;
  const { arguments: _arguments, ...others } = params;
  return { ...request, params: others };
}

/** Returns whether a value contains at most `most` values, including itself. */
function isWithin(value: Json, most: number): boolean {
  const rest: Json[] = [value];
  let count = 0;
  for (let one = rest.pop(); one !== undefined && count <= most; one = rest.pop()) {
    count += 1;
    if (!hasMembers(one)) continue;
    for (const inner of Object.values(one)) rest.push(inner as Json);
  }
  return count <= most;
}
