import { hasMembers, type Json, type JsonObject, type JsonSchema } from './json.ts';

/** Returns whether a reference points into the schema that contains it. */
export function isLocalRef(ref: string): boolean {
  return /^#(\/|$)/.test(ref);
}

/** Returns the part of a schema that a local reference points to, or undefined if it has none. */
export function schemaAt(schema: JsonSchema, ref: string): Json | undefined {
  let found: Json | undefined = schema;
  for (const name of ref.split('/').slice(1)) {
    const key = decode(name).replaceAll('~1', '/').replaceAll('~0', '~');
    const isMember: boolean = hasMembers(found) && Object.hasOwn(found, key);
    found = isMember ? (found as JsonObject)[key] : undefined;
  }
  return found;
}

function decode(name: string): string {
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
