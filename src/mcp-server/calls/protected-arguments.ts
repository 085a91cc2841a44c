import { randomUUID } from 'node:crypto';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';

// The MCP library reads the arguments of a call with a schema that leaves out the name `__proto__`.
// So that name is replaced before the library reads a message, and restored for the call.

const PROTO = '__proto__';
/** Random, so that no client can write it. */
const REPLACEMENT = `howdah.name.${randomUUID()}`;

/** Replaces the name `__proto__` of the arguments in a message, or in each message of a batch. */
export function protectArguments(message: Json): Json {
  if (Array.isArray(message)) return message.map(protectArguments);
  if (!isJsonObject(message) || !isJsonObject(message.params)) return message;
  const { arguments: args } = message.params;
  if (!isJsonObject(args) || !Object.hasOwn(args, PROTO)) return message;
  return { ...message, params: { ...message.params, arguments: rename(args, PROTO, REPLACEMENT) } };
}

/** Restores the name that `protectArguments` has replaced. */
export function restoreArguments(args: JsonObject): JsonObject {
  return Object.hasOwn(args, REPLACEMENT) ? rename(args, REPLACEMENT, PROTO) : args;
}

function rename(args: JsonObject, from: string, to: string): JsonObject {
  return Object.fromEntries(
    Object.entries(args).map(([name, value]) => [name === from ? to : name, value]),
  );
}
