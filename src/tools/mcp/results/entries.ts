import { createHash } from 'node:crypto';
import { canonicalJson } from '../../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { firstCharacters } from '../../../text/truncate.ts';

/** Most characters of a name that is stored. */
const MAX_NAME = 512;

/** An entry of a list that can be read, or the reason why it cannot be. */
export type Entry<T> = { ok: true; value: T } | { ok: false; name: string; fault: string };

/** Returns a member of an entry if it is a text. */
export function textIn(entry: JsonObject, name: string): string | undefined {
  const value = entry[name];
  return typeof value === 'string' ? value : undefined;
}

/** Returns a member of an entry if it is an object. */
export function objectIn(entry: JsonObject, name: string): JsonObject | undefined {
  const value = entry[name];
  return isJsonObject(value) ? value : undefined;
}

/** Returns the names of members that are given, and are no text. Null counts as absent. */
export function namesOfOddTexts(entry: JsonObject, names: readonly string[]): string[] {
  return names.filter((name) => isGiven(entry[name]) && typeof entry[name] !== 'string');
}

export function isGiven(value: Json | undefined): value is Exclude<Json, null> {
  return value !== undefined && value !== null;
}

/** Reads the name of an entry. `at` is its place in the list, from 0. */
export function namedEntry(entry: Json, at: number): Entry<{ name: string; entry: JsonObject }> {
  if (!isJsonObject(entry)) {
    return { ok: false, name: `(entry ${at + 1})`, fault: 'its entry in the list is no object' };
  }
  const { name } = entry;
  if (typeof name !== 'string' || name === '') {
    return { ok: false, name: `(entry ${at + 1})`, fault: 'it has no name' };
  }
  const shown = firstCharacters(name, MAX_NAME).toWellFormed().replaceAll('\u0000', '\ufffd');
  if (shown !== name) {
    const reason =
      name.length > MAX_NAME
        ? `its name has ${name.length} characters, at most ${MAX_NAME} are stored`
        : 'its name contains characters that are not allowed in a text';
    return { ok: false, name: `${shown} (entry ${at + 1})`, fault: reason };
  }
  return { ok: true, value: { name, entry } };
}

/** Returns the SHA-256 of a value, in hex. */
export function digestOf(value: object): string {
  return createHash('sha256').update(canonicalJson(value)).digest('hex');
}
