// Where encrypted contents are in values, and what they look like there: texts, parts of texts,
// JSON, and JSON in texts. contents.ts encrypts and decrypts them.

import { isJsonObject, type JsonObject } from '../json/json.ts';
import { parseJson, parseSpelling } from '../json/parse-json.ts';

/**
 * The beginning of every encrypted text. After it come the version, the id of the data key, the id
 * of the run, from version 2 on the place in the run, the nonce and the ciphertext, separated by
 * dots.
 * `howdah_private.is_encrypted` has the same form.
 */
export const ENCRYPTED_PREFIX = 'howdah.sealed.v';

/**
 * The part of an encrypted text before the ciphertext, which has any length. No expression matches
 * a ciphertext: V8 needs stack for each of its characters, and gives up after a few million.
 * Version 1 has no place. It is still read, and written no more.
 */
const ID = '[0-9a-f-]{36}';
const PLACE = '[a-z_]{1,40}~[0-9A-Za-z-]{1,40}~[a-z0-9_:]{1,80}';
const HEAD = new RegExp(
  `howdah\\.sealed\\.(?:v1\\.(${ID})\\.(${ID})|v2\\.(${ID})\\.(${ID})\\.(${PLACE}))\\.([\\w-]{16})\\.`,
);
const LONGEST_HEAD = 300;
/** A character that no ciphertext has. */
const NO_CIPHER = /[^\w-]/;
/** The shortest ciphertext: the tag and one byte. */
const SHORTEST_CIPHER = 22;
/** The field of an encrypted JSON value that holds its ciphertext. */
const SEALED = 'sealed';
/**
 * The same field for a JSON array. It is stored as an array of one such object, so that SQL still
 * finds an array.
 */
const SEALED_LIST = 'sealed_list';
/** The kind of an encrypted value. It is authenticated, so that a text never opens as JSON. */
export type Kind = 'text' | 'json';

/** A decrypted value: a text as itself, or a JSON text. */
export type DecryptedContent = { kind: Kind; plain: string };

/** Decrypted values, by their encrypted texts. */
export type DecryptedContents = ReadonlyMap<string, DecryptedContent>;

/**
 * Returns the JSON that stands for an encrypted JSON value, given as JSON text. `visible` are
 * fields that stay readable in SQL.
 */
export function encryptedJson(json: string, encrypted: string, visible: JsonObject): string {
  return JSON.stringify(
    json.startsWith('[') ? [{ [SEALED_LIST]: encrypted }] : { ...visible, [SEALED]: encrypted },
  );
}

/** Returns whether a value as a whole is an encrypted content: a text, JSON or a JSON text. */
export function isEncrypted(value: unknown): boolean {
  if (typeof value === 'string' && !value.includes(ENCRYPTED_PREFIX)) return false;
  const json = typeof value === 'string' ? jsonIn(value) : value;
  if (json === undefined) return partsOf(value as string) !== undefined;
  const sealed = Array.isArray(json)
    ? json.length === 1 && isPlainObject(json[0]) && json[0][SEALED_LIST]
    : isPlainObject(json) && json[SEALED];
  return typeof sealed === 'string' && partsOf(sealed) !== undefined;
}

/** The parts of an encrypted text, with the text itself. */
export type EncryptedText = {
  text: string;
  keyId: string;
  executionId: string;
  /** The place in the run that the text is bound to. Undefined in version 1. */
  place: string | undefined;
  nonce: string;
  cipher: string;
};

/** Returns the beginning of an encrypted text up to its ciphertext. */
export function headOf(parts: Omit<EncryptedText, 'text' | 'cipher'>): string {
  const { keyId, executionId, place, nonce } = parts;
  return `${ENCRYPTED_PREFIX}2.${keyId}.${executionId}.${place}.${nonce}.`;
}

/** Returns the parts of a text that is encrypted as a whole. */
function partsOf(text: string): EncryptedText | undefined {
  const head = text.startsWith(ENCRYPTED_PREFIX) && HEAD.exec(text.slice(0, LONGEST_HEAD));
  if (!head || head.index > 0) return undefined;
  const [{ length }, oldKey, oldRun, key = '', run = '', place, nonce = ''] = head;
  const cipher = text.slice(length);
  if (cipher.length < SHORTEST_CIPHER || NO_CIPHER.test(cipher)) return undefined;
  return { text, keyId: oldKey ?? key, executionId: oldRun ?? run, place, nonce, cipher };
}

/**
 * Returns the places of encrypted texts within a longer text, such as one that SQL put together.
 */
function placesIn(text: string): [start: number, end: number][] {
  const places: [number, number][] = [];
  const [head, noCipher] = [new RegExp(HEAD, 'g'), new RegExp(NO_CIPHER, 'g')];
  for (let found = head.exec(text); found; found = head.exec(text)) {
    noCipher.lastIndex = head.lastIndex;
    const end = noCipher.exec(text)?.index ?? text.length;
    const isFound = end - head.lastIndex >= SHORTEST_CIPHER;
    if (isFound) places.push([found.index, end]);
    head.lastIndex = isFound ? end : found.index + 1;
  }
  return places;
}

/**
 * Returns the encrypted texts in a value, each once. Uses no recursion, because people choose how
 * deep a value is.
 */
export function encryptedTextsIn(root: unknown): EncryptedText[] {
  const found = new Map<string, EncryptedText>();
  const rest = [root];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value === 'string') {
      if (!value.includes(ENCRYPTED_PREFIX)) continue;
      const parts = found.get(value) ?? partsOf(value);
      if (parts) found.set(value, parts);
      else
        rest.push(
          jsonIn(value, parseJson) ?? placesIn(value).map((place) => value.slice(...place)),
        );
    } else if (Array.isArray(value)) {
      for (const item of value) rest.push(item);
    } else if (isPlainObject(value)) {
      for (const item of Object.values(value)) rest.push(item);
    }
  }
  return [...found.values()];
}

/**
 * The most bytes of contents that are shown again in a value, after the first time. Contents are
 * compressed, so a short text may name a megabyte many times.
 */
const MAX_REPEATED = 32_000_000;

/**
 * Replaces encrypted contents by what they were decrypted to. A value that is nested deeper than
 * the stack, or repeats too many contents, stays as it is. `onRepeat` is called with the size of
 * each repeated content, and may throw.
 */
export function replaceEncrypted<T>(
  value: T,
  opened: DecryptedContents,
  onRepeat?: (bytes: number) => void,
): T {
  try {
    return replace(value, contentFinder(opened, onRepeat)) as T;
  } catch (error) {
    if (error instanceof RangeError) return value;
    throw error;
  }
}

/** Returns the content of an encrypted text. */
type FindContent = (text: string) => DecryptedContent | undefined;

/** Returns a finder of contents that throws a `RangeError` if too many of them are repeated. */
function contentFinder(opened: DecryptedContents, onRepeat?: (bytes: number) => void): FindContent {
  const found = new Set<string>();
  let repeated = 0;
  return (text) => {
    const content = opened.get(text);
    if (!content || !found.has(text)) {
      if (content) found.add(text);
      return content;
    }
    repeated += content.plain.length;
    if (repeated > MAX_REPEATED) throw new RangeError('the value repeats too many contents');
    onRepeat?.(content.plain.length);
    return content;
  };
}

function replace(value: unknown, find: FindContent, parse: ParseJson = parseJson): unknown {
  if (typeof value === 'string') return replaceInText(value, find);
  if (Array.isArray(value)) {
    const list = value.length === 1 ? sealedIn(value[0], SEALED_LIST, find) : undefined;
    if (list !== undefined) return parse(list);
    return value.map((item) => replace(item, find, parse));
  }
  if (!isPlainObject(value)) return value;
  const document = sealedIn(value, SEALED, find);
  if (document !== undefined) return parse(document);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, replace(item, find, parse)]),
  );
}

function replaceInText(text: string, find: FindContent): string {
  if (!text.includes(ENCRYPTED_PREFIX)) return text;
  const content = find(text);
  if (content) return content.plain;
  const json = jsonIn(text);
  if (json === undefined) {
    return replaceWithin(text, find);
  }
  const list = Array.isArray(json) && json.length === 1 ? json[0] : undefined;
  return (
    sealedIn(json, SEALED, find) ??
    sealedIn(list, SEALED_LIST, find) ??
    JSON.stringify(replace(json, find, parseSpelling), null, indentOf(text))
  );
}

function replaceWithin(text: string, find: FindContent): string {
  const pieces: string[] = [];
  let rest = 0;
  for (const [start, end] of placesIn(text)) {
    const encrypted = text.slice(start, end);
    pieces.push(text.slice(rest, start), find(encrypted)?.plain ?? encrypted);
    rest = end;
  }
  return [...pieces, text.slice(rest)].join('');
}

/**
 * Returns the JSON text that an object of this form was encrypted from. An encrypted text is no
 * JSON, wherever somebody put it.
 */
function sealedIn(value: unknown, field: string, find: FindContent): string | undefined {
  if (!isPlainObject(value)) return undefined;
  const { [field]: sealed, by } = value;
  const content = typeof sealed === 'string' ? find(sealed) : undefined;
  if (content?.kind !== 'json') return undefined;
  return typeof by === 'string' ? renameIn(content.plain, by) : content.plain;
}

/**
 * Replaces the name of the person who answered, retried or forked by the one beside the ciphertext,
 * where the erasure of a user renames that user.
 */
function renameIn(json: string, name: string): string {
  const document: unknown = parseSpelling(json);
  return isPlainObject(document) && typeof document.by === 'string' && document.by !== name
    ? JSON.stringify({ ...document, by: name })
    : json;
}

/**
 * Parses a text that holds an array, an object or a text as JSON, such as a column cast to text.
 */
function jsonIn(text: string, parse: ParseJson = parseSpelling): unknown {
  if (!/^\s*[[{"]/.test(text)) return undefined;
  try {
    return parse(text);
  } catch {
    return undefined;
  }
}

type ParseJson = (json: string) => unknown;

/** Returns the indent of a JSON text for people, as jsonb_pretty writes it. */
function indentOf(json: string): number | undefined {
  return /^[[{]\n/.test(json) ? 4 : undefined;
}

function isPlainObject(value: unknown): value is JsonObject {
  return isJsonObject(value) && [Object.prototype, null].includes(Object.getPrototypeOf(value));
}
