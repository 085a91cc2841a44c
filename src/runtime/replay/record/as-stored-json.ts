import { storableJson } from '../../../db/connection/storable-json.ts';

/** A value as it comes back from the database, which cannot keep NUL and lone surrogates. */
export function asStoredJson<T>(value: T): T {
  return JSON.parse(storableJson(value));
}

/** A text in which such characters may also stand as escapes, since it was made before they were lost. */
export function asStoredText(text: string): string {
  return asStoredJson(text.replaceAll(/\\u(0000|d[89a-f][0-9a-f]{2})/gi, '\ufffd'));
}
