import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { HowdahError } from '../contracts/errors.ts';
import type { SecretRows, WrappedKey } from '../contracts/secret.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { CACHE_MS, createDataKeys } from './data-keys.ts';
import { open, seal } from './envelope.ts';
import type { MasterKeys } from './master-keys.ts';

/**
 * The beginning of an encrypted text. After it come the id of the data key, the id of the run, the
 * nonce and the ciphertext, separated by dots. `howdah_private.is_encrypted` has the same form.
 */
export const ENCRYPTED_PREFIX = 'howdah.sealed.v1.';

const ENCRYPTED =
  /^howdah\.sealed\.v1\.([0-9a-f-]{36})\.([0-9a-f-]{36})\.([\w-]{16})\.([\w-]{22,})$/;
/** The field of an encrypted JSON value that holds its ciphertext. */
const SEALED = 'sealed';
/**
 * The same field for a JSON array. It is stored as an array of one such object, so that SQL still
 * finds an array.
 */
const SEALED_LIST = 'sealed_list';
/**
 * The size from which contents are compressed, in bytes. PostgreSQL cannot compress a ciphertext.
 */
const COMPRESSED_FROM = 512;
/** The first byte of what is encrypted. */
const [PLAIN, DEFLATED] = [0, 1];

/** The kind of an encrypted value. It is authenticated, so that a text never opens as JSON. */
type Kind = 'text' | 'json';

/** A decrypted value: a text as itself, or a JSON text. */
type Opened = { kind: Kind; plain: string };

/** Decrypted values, by their encrypted texts. */
type Contents = ReadonlyMap<string, Opened>;

/** A data key in the clear, for the contents of a tenant. */
export type ContentKey = Readonly<{ id: string; tenant_id: string; key: Buffer }>;

/** Returns those of these runs whose contents the reader may see. */
export type MayDecrypt = (executionIds: string[]) => Promise<ReadonlySet<string>>;

/**
 * Decrypts contents of runs wherever they are in a value: texts, JSON, JSON in texts. Contents of
 * runs that the reader may not see stay encrypted. Returns the value itself if nothing in it is
 * encrypted.
 */
export type DecryptContents = <T>(value: T, mayDecrypt: MayDecrypt) => Promise<T>;

/** Encrypts a text of a run. */
export function encryptText(key: ContentKey, executionId: string, text: string): string {
  return encrypt(key, executionId, 'text', text);
}

/**
 * Encrypts a JSON value of a run, given and returned as JSON text, so that no digit of a number is
 * lost. `visible` are fields that stay readable in SQL.
 */
export function encryptJson(
  key: ContentKey,
  executionId: string,
  json: string,
  visible: JsonObject = {},
): string {
  const sealed = encrypt(key, executionId, 'json', json);
  return JSON.stringify(
    json.startsWith('[') ? [{ [SEALED_LIST]: sealed }] : { ...visible, [SEALED]: sealed },
  );
}

/** Returns whether a value as a whole is an encrypted content: a text, a JSON value, a JSON text. */
export function isEncrypted(value: unknown): boolean {
  if (typeof value === 'string' && !value.includes(ENCRYPTED_PREFIX)) return false;
  const json = typeof value === 'string' ? jsonIn(value) : value;
  if (json === undefined) return ENCRYPTED.test(value as string);
  const sealed = Array.isArray(json)
    ? json.length === 1 && isPlainObject(json[0]) && json[0][SEALED_LIST]
    : isPlainObject(json) && json[SEALED];
  return typeof sealed === 'string' && ENCRYPTED.test(sealed);
}

/** The options of a decryptor. */
export type DecryptorOptions = {
  /**
   * True to throw `HWINV` if this process lacks the master key of a data key. By default, contents
   * under such a key stay encrypted.
   */
  needsKeys?: boolean;
  /** Returns the text that takes the place of contents that stay encrypted. */
  replaceUnreadable?: () => string;
};

/**
 * Creates a decryptor with the master keys of this process. A text that only looks like an
 * encrypted content, or was changed, stays as it is: a person may have typed it.
 */
export function createContentDecryptor(
  rows: SecretRows,
  masterKeys: MasterKeys,
  { needsKeys = false, replaceUnreadable }: DecryptorOptions = {},
): DecryptContents {
  const keys = cacheKeys(rows, masterKeys, needsKeys);
  return async (value, mayDecrypt) => {
    const found = new Set<string>();
    collect(value, found);
    if (found.size === 0) return value;
    const parts = [...found].map(partsOf);
    const executions = await mayDecrypt([...new Set(parts.map(({ executionId }) => executionId))]);
    const readable = parts.filter(({ executionId }) => executions.has(executionId));
    const opened = new Map<string, Opened>();
    const known = await keys(readable.map(({ keyId }) => keyId));
    for (const part of readable) {
      const key = known.get(part.keyId);
      const content = key && decrypt(key, part);
      if (content) opened.set(part.text, content);
    }
    for (const { text } of replaceUnreadable ? parts : []) {
      if (!opened.has(text)) opened.set(text, { kind: 'text', plain: replaceUnreadable?.() ?? '' });
    }
    return opened.size === 0 ? value : replaceIn(value, opened);
  };
}

/** The encryption of contents in a worker. */
export type ContentCipher = {
  /** Decrypts contents. Throws `HWINV` if this process lacks a master key. */
  decrypt: DecryptContents;
  /** Opens a data key. */
  open(wrapped: WrappedKey): Promise<ContentKey>;
  /** Creates the first data key of a tenant. */
  addKey(tenantId: string): Promise<void>;
};

/** Creates the encryption of contents with the master keys of this process. */
export function createContentCipher(rows: SecretRows, masterKeys: MasterKeys): ContentCipher {
  const dataKeys = createDataKeys(rows, masterKeys);
  return {
    decrypt: createContentDecryptor(rows, masterKeys, { needsKeys: true }),
    async open(wrapped) {
      const { id, tenant_id } = wrapped;
      return { id, tenant_id, key: await dataKeys.open(wrapped) };
    },
    addKey: (tenantId) => dataKeys.add(tenantId, false),
  };
}

/**
 * Returns a cache of data keys in the clear. A key that this process cannot open is left out,
 * unless it `needsKeys`.
 */
function cacheKeys(rows: SecretRows, masterKeys: MasterKeys, needsKeys: boolean) {
  const dataKeys = createDataKeys(rows, masterKeys);
  const cached = new Map<string, WrappedKey>();
  return async (ids: readonly string[]): Promise<Map<string, ContentKey>> => {
    const wanted = new Set(ids);
    const missing = [...wanted].filter((id) => !cached.has(id));
    for (const wrapped of missing.length === 0 ? [] : await rows.keys(missing)) {
      cached.set(wrapped.id, wrapped);
      setTimeout(() => cached.delete(wrapped.id), CACHE_MS).unref();
    }
    const opened = new Map<string, ContentKey>();
    for (const id of wanted) {
      const wrapped = cached.get(id);
      const key = wrapped && (await dataKeys.open(wrapped).catch(needsKeys ? rethrow : noKeyHere));
      if (key) opened.set(id, { id, tenant_id: wrapped.tenant_id, key });
    }
    return opened;
  };
}

function rethrow(error: unknown): never {
  throw error;
}

function noKeyHere(error: unknown): undefined {
  if (error instanceof HowdahError) return undefined;
  throw error;
}

type Parts = { text: string; keyId: string; executionId: string; nonce: string; cipher: string };

function partsOf(text: string): Parts {
  const [, keyId = '', executionId = '', nonce = '', cipher = ''] = ENCRYPTED.exec(text) ?? [];
  return { text, keyId, executionId, nonce, cipher };
}

function placeOf({ tenant_id }: ContentKey, executionId: string, kind: Kind) {
  return ['howdah.content', tenant_id, executionId, kind];
}

function encrypt(key: ContentKey, executionId: string, kind: Kind, text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  const packed = bytes.length < COMPRESSED_FROM ? bytes : deflateRawSync(bytes, { level: 1 });
  const isSmaller = packed.length < bytes.length;
  const plain = Buffer.concat([
    Buffer.of(isSmaller ? DEFLATED : PLAIN),
    isSmaller ? packed : bytes,
  ]);
  const sealed = seal(key.key, placeOf(key, executionId, kind), plain);
  const nonce = urlSafe(sealed.nonce);
  return `${ENCRYPTED_PREFIX}${key.id}.${executionId}.${nonce}.${urlSafe(sealed.ciphertext)}`;
}

/** Decrypts a text as itself, and JSON as JSON text. Returns undefined if a bit has changed. */
function decrypt(key: ContentKey, { executionId, nonce, cipher }: Parts): Opened | undefined {
  const sealed = { nonce, ciphertext: cipher };
  for (const kind of ['text', 'json'] as const) {
    const content = open(key.key, placeOf(key, executionId, kind), sealed);
    if (!content) continue;
    const bytes = content.subarray(1);
    const plain = content[0] === DEFLATED ? inflateRawSync(bytes) : bytes;
    return { kind, plain: plain.toString('utf8') };
  }
  return undefined;
}

function urlSafe(base64: string): string {
  return Buffer.from(base64, 'base64').toString('base64url');
}

/**
 * Adds the encrypted texts in a value to `found`. Uses no recursion, because people choose how deep
 * a value is.
 */
function collect(root: unknown, found: Set<string>): void {
  const rest = [root];
  while (rest.length > 0) {
    const value = rest.pop();
    if (typeof value === 'string') {
      if (!value.includes(ENCRYPTED_PREFIX)) continue;
      if (ENCRYPTED.test(value)) found.add(value);
      else rest.push(jsonIn(value));
    } else if (Array.isArray(value)) {
      for (const item of value) rest.push(item);
    } else if (isPlainObject(value)) {
      for (const item of Object.values(value)) rest.push(item);
    }
  }
}

/** Replaces what was opened. A value that is nested deeper than the stack stays as it is. */
function replaceIn<T>(value: T, opened: Contents): T {
  try {
    return replace(value, opened) as T;
  } catch (error) {
    if (error instanceof RangeError) return value;
    throw error;
  }
}

function replace(value: unknown, opened: Contents, parse: ParseJson = JSON.parse): unknown {
  if (typeof value === 'string') return replaceInText(value, opened);
  if (Array.isArray(value)) {
    const list = value.length === 1 ? sealedIn(value[0], SEALED_LIST, opened) : undefined;
    if (list !== undefined) return parse(list);
    return value.map((item) => replace(item, opened, parse));
  }
  if (!isPlainObject(value)) return value;
  const document = sealedIn(value, SEALED, opened);
  if (document !== undefined) return parse(document);
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, replace(item, opened, parse)]),
  );
}

function replaceInText(text: string, opened: Contents): string {
  if (!text.includes(ENCRYPTED_PREFIX)) return text;
  const content = opened.get(text);
  if (content) return content.plain;
  const json = jsonIn(text);
  if (json === undefined) return text;
  const list = Array.isArray(json) && json.length === 1 ? json[0] : undefined;
  return (
    sealedIn(json, SEALED, opened) ??
    sealedIn(list, SEALED_LIST, opened) ??
    JSON.stringify(replace(json, opened, parseExactly), null, indentOf(text))
  );
}

/**
 * Returns the JSON text that an object of this form was encrypted from. An encrypted text is no
 * JSON, wherever somebody put it.
 */
function sealedIn(value: unknown, field: string, opened: Contents): string | undefined {
  const sealed = isPlainObject(value) ? value[field] : undefined;
  const content = typeof sealed === 'string' ? opened.get(sealed) : undefined;
  return content?.kind === 'json' ? content.plain : undefined;
}

/** Parses a text that holds an array, an object or a text as JSON, such as a column cast to text. */
function jsonIn(text: string): Json | undefined {
  if (!/^\s*[[{"]/.test(text)) return undefined;
  try {
    return parseExactly(text);
  } catch {
    return undefined;
  }
}

type ParseJson = (json: string) => unknown;

/** Functions of JSON that the types of TypeScript lack. */
const exactJson = JSON as typeof JSON & {
  rawJSON(json: string): unknown;
  isRawJSON(value: unknown): boolean;
};

/** Numbers whose digits JavaScript may lose: long ones, `1.50` and `1e9`. */
const INEXACT = /[\d.]{16}|\.\d*0(?!\d)|\de/i;

/** Parses JSON so that `JSON.stringify` returns each number with the same digits. */
function parseExactly(json: string): Json {
  return INEXACT.test(json) ? JSON.parse(json, keepDigits) : JSON.parse(json);
}

function keepDigits(_name: string, value: Json, ...[context]: { source?: string }[]): unknown {
  const source = context?.source;
  if (typeof value !== 'number' || source === undefined || source === String(value)) return value;
  return exactJson.rawJSON(source);
}

/** Returns the indent of a JSON text for people, as jsonb_pretty writes it. */
function indentOf(json: string): number | undefined {
  return /^[[{]\n/.test(json) ? 4 : undefined;
}

function isPlainObject(value: unknown): value is JsonObject {
  return (
    isJsonObject(value) &&
    [Object.prototype, null].includes(Object.getPrototypeOf(value)) &&
    !exactJson.isRawJSON(value)
  );
}
