import { createSecretKey, type KeyObject } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import { HowdahError } from '../contracts/errors.ts';
import type { SecretRows, WrappedKey } from '../contracts/secret.ts';
import type { JsonObject } from '../json/json.ts';
import { open, seal } from './aead.ts';
import { CACHE_MS, createDataKeys, createKeyOpener } from './data-keys.ts';
import {
  type DecryptedContent,
  type EncryptedText,
  encryptedJson,
  encryptedTextsIn,
  headOf,
  type Kind,
  replaceEncrypted,
} from './encrypted-values.ts';
import type { MasterKeys } from './master-keys.ts';

/**
 * The size from which contents are compressed, in bytes. PostgreSQL compresses rows of this size,
 * but it cannot compress a ciphertext.
 */
const COMPRESSED_FROM = 2_048;
/** The bits of the first byte of what is encrypted. */
const [DEFLATED, JSON_TEXT] = [1, 2];

/**
 * A data key in the clear, for the contents of a tenant. A `KeyObject` takes a fifth of the time
 * that a buffer takes for each value.
 */
export type ContentKey = Readonly<{ id: string; tenant_id: string; key: KeyObject }>;

/** Returns a data key, opened, as the key of contents. */
export function contentKey({ id, tenant_id }: WrappedKey, key: Buffer): ContentKey {
  return { id, tenant_id, key: createSecretKey(key) };
}

/** An encrypted text that was found in a value. */
export type SealedText = Readonly<Omit<EncryptedText, 'cipher' | 'keyId'>>;

/**
 * Returns those of these encrypted texts that the reader may see: of runs that it may see, and
 * stored where they were encrypted.
 */
export type MayDecrypt = (texts: readonly SealedText[]) => Promise<ReadonlySet<string>>;

/**
 * The place of a content: table, row and column in a run. A text that was moved to another place,
 * or exchanged for another one of its run, does not open there.
 */
export type ContentPlace = Readonly<{
  execution_id: string;
  relation: string;
  /** The number or id of the row; null for the run itself. */
  row: string | number | null;
  column: string;
}>;

/** Returns the name of a place in its run, as it stands in encrypted texts. */
export function placeName({ relation, row, column }: Omit<ContentPlace, 'execution_id'>): string {
  return `${relation}~${row ?? 0}~${column.replaceAll('.', ':')}`;
}

/**
 * Decrypts contents of runs wherever they are in a value: texts, parts of texts, JSON, JSON in
 * texts. Contents of runs that the reader may not see stay encrypted. Returns the value itself if
 * nothing in it is encrypted. `charge` is called with the size of each decrypted text, and may
 * throw: contents are compressed, so a small result may become a large one.
 */
export type DecryptContents = <T>(
  value: T,
  mayDecrypt: MayDecrypt,
  charge?: (bytes: number) => void,
) => Promise<T>;

/** Encrypts a text of a run for its place. */
export function encryptText(key: ContentKey, at: ContentPlace, text: string): string {
  return encrypt(key, at, 'text', text);
}

/**
 * Encrypts a JSON value of a run for its place, given and returned as JSON text, so that no digit
 * of a number is lost. `visible` are fields that stay readable in SQL.
 */
export function encryptJson(
  key: ContentKey,
  at: ContentPlace,
  json: string,
  visible: JsonObject = {},
): string {
  return encryptedJson(json, encrypt(key, at, 'json', json), visible);
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
  rows: Pick<SecretRows, 'keys'>,
  masterKeys: MasterKeys,
  { needsKeys = false, replaceUnreadable }: DecryptorOptions = {},
): DecryptContents {
  const keys = cacheKeys(rows, masterKeys, needsKeys);
  return async (value, mayDecrypt, charge) => {
    const parts = encryptedTextsIn(value);
    if (parts.length === 0) return value;
    const allowed = await mayDecrypt(parts);
    const readable = parts.filter(({ text }) => allowed.has(text));
    const opened = new Map<string, DecryptedContent>();
    const known = await keys(readable.map(({ keyId }) => keyId));
    for (const part of readable) {
      const key = known.get(part.keyId);
      const content = key && decrypt(key, part);
      if (!content) continue;
      charge?.(content.plain.length);
      opened.set(part.text, content);
    }
    for (const { text } of replaceUnreadable ? parts : []) {
      if (!opened.has(text)) opened.set(text, { kind: 'text', plain: replaceUnreadable?.() ?? '' });
    }
    return opened.size === 0 ? value : replaceEncrypted(value, opened, charge);
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
    open: async (wrapped) => contentKey(wrapped, await dataKeys.open(wrapped)),
    addKey: (tenantId) => dataKeys.add(tenantId, false),
  };
}

/**
 * Returns a cache of data keys in the clear. A key that this process cannot open is left out,
 * unless it `needsKeys`.
 */
function cacheKeys(rows: Pick<SecretRows, 'keys'>, masterKeys: MasterKeys, needsKeys: boolean) {
  const openKey = createKeyOpener(masterKeys);
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
      const key = wrapped && (await openKey(wrapped).catch(needsKeys ? rethrow : noKeyHere));
      if (key) opened.set(id, contentKey(wrapped, key));
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

/** Returns what authenticates a content besides its key. Version 1 had no place. */
function placeOf({ tenant_id }: ContentKey, executionId: string, place: string | undefined) {
  return place === undefined
    ? ['howdah.content', tenant_id, executionId]
    : ['howdah.content', tenant_id, executionId, place];
}

function encrypt(key: ContentKey, at: ContentPlace, kind: Kind, text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  const packed = bytes.length < COMPRESSED_FROM ? bytes : deflateRawSync(bytes, { level: 1 });
  const isSmaller = packed.length < bytes.length;
  const form = (isSmaller ? DEFLATED : 0) | (kind === 'json' ? JSON_TEXT : 0);
  const plain = Buffer.concat([Buffer.of(form), isSmaller ? packed : bytes]);
  const place = placeName(at);
  const sealed = seal(key.key, placeOf(key, at.execution_id, place), plain);
  const nonce = urlSafe(sealed.nonce);
  const head = headOf({ keyId: key.id, executionId: at.execution_id, place, nonce });
  return `${head}${urlSafe(sealed.ciphertext)}`;
}

/** Decrypts a text as itself, and JSON as JSON text. Returns undefined if a bit has changed. */
function decrypt(
  key: ContentKey,
  { executionId, place, nonce, cipher }: EncryptedText,
): DecryptedContent | undefined {
  const sealed = { nonce, ciphertext: cipher };
  const content = open(key.key, placeOf(key, executionId, place), sealed);
  if (!content) return undefined;
  const form = content.readUInt8(0);
  const bytes = content.subarray(1);
  const plain = form & DEFLATED ? inflateRawSync(bytes) : bytes;
  return { kind: form & JSON_TEXT ? 'json' : 'text', plain: plain.toString('utf8') };
}

function urlSafe(base64: string): string {
  return Buffer.from(base64, 'base64').toString('base64url');
}
