import { parseJson } from '../../../json/parse-json.ts';
import { storableJson } from '../../../json/storable-json.ts';

/**
 * Returns a value as it comes back from the database, which cannot store NUL and lone surrogates.
 */
export function asStoredJson<T>(value: T): T {
  return parseJson<T>(storableJson(value));
}

/**
 * Returns a text as it comes back from the database. Also replaces the escapes of such characters,
 * because the text may have been made before the characters were lost.
 */
export function asStoredText(text: string): string {
  return asStoredJson(text.replaceAll(/\\u(0000|d[89a-f][0-9a-f]{2})/gi, '\ufffd'));
}
