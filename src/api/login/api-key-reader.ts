import { createHash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import type { Config } from '../../config.ts';
import { type ApiKeyRow, findApiKeys, noteUse } from '../../db/access/api-keys.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type AuthResult, type Identity, refusalOf } from './auth-result.ts';
import { createCachedLoader } from './cached-loader.ts';

/**
 * Parts of a key as sql/10_private/access/api_keys.sql creates them: the prefix that finds the key,
 * the secret, and a checksum of both.
 */
const FORM = /^(hwd_[0-9A-Za-z]{12})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/**
 * The hash to compare with when there is no such key, so that the comparison takes as long as for a
 * wrong secret.
 */
const NO_HASH = Buffer.alloc(32);
/** The interval at which the use of a key is recorded. */
const NOTE_MS = 60_000;
/** The number of keys beyond which keys that were not recorded for `NOTE_MS` are forgotten. */
const MANY = 1_000;

/** Returns the identity of an API key, or why the key may not be used now. */
export type ReadApiKey = (key: string) => Promise<AuthResult<Identity>>;

type KeyParts = { prefix: string; digest: Buffer };

/** Returns whether a text is to be read as an API key, and not as a token. */
export function isApiKey(text: string): boolean {
  return text.startsWith('hwd_');
}

/**
 * Creates the reader of API keys. Results are cached by the whole key. So the check of a guessed
 * secret waits for the database, whether or not its id exists. Where a login is required, a key
 * that was created without one is rejected: whoever reached the port before would stay in.
 * `onTrouble` is called when the database cannot be queried, or when the use of a key cannot be
 * recorded.
 */
export function createKeyReader(
  pool: Pool,
  { auth }: Pick<Config, 'auth'>,
  onTrouble: (error: unknown) => void,
): ReadApiKey {
  const find = createCachedLoader<KeyParts, ApiKeyRow | null>({
    keyOf: ({ prefix, digest }) => `${prefix} ${digest.toString('hex')}`,
    ask: (keys) =>
      findApiKeys(
        pool,
        keys.map(({ prefix }) => prefix),
      ),
  });
  const use = createNotes((id) => noteUse(pool, [id]).catch(onTrouble));
  return async (key) => {
    const parts = partsOf(key);
    if (!parts) return refusalOf('invalid');
    try {
      const found = await find(parts);
      const isRight = timingSafeEqual(parts.digest, found?.hash ?? NO_HASH);
      if (!found || !isRight) return refusalOf('invalid');
      if (auth === 'required' && found.made_without_login) return refusalOf('unproven');
      if (found.state === 'good') use(found.id);
      return verdictOf(found);
    } catch (error) {
      onTrouble(error);
      return refusalOf('unreachable');
    }
  };
}

function partsOf(key: string): KeyParts | undefined {
  const [, prefix, secret, checksum] = FORM.exec(key) ?? [];
  if (prefix === undefined || secret === undefined) return undefined;
  if (checksum !== checksumOf(`${prefix}_${secret}`)) return undefined;
  return { prefix, digest: createHash('sha256').update(secret).digest() };
}

function checksumOf(text: string): string {
  let rest = crc32(text);
  let digits = '';
  for (let place = 0; place < 6; place += 1) {
    digits = `${DIGITS[rest % 62]}${digits}`;
    rest = Math.floor(rest / 62);
  }
  return digits;
}

/**
 * Returns the identity of a key whose secret is right, or why the key is rejected. The holder of a
 * key may learn what is wrong with the key.
 */
function verdictOf(found: ApiKeyRow): AuthResult<Identity> {
  if (found.state !== 'good')
    return refusalOf(found.state === 'inactive' ? 'unknown' : found.state);
  return {
    ok: true,
    value: {
      tenantId: found.tenant_id,
      userId: found.user_id ?? undefined,
      apiKeyId: found.id,
      role: found.role,
      scopes: found.scopes ?? undefined,
      expiresAt: found.expires_at?.getTime(),
    },
  };
}

/**
 * Returns a function that calls `note` at the first use of a key, and then once a minute while the
 * key is used.
 */
function createNotes(note: (id: string) => void): (id: string) => void {
  const noted = new Map<string, number>();
  return (id) => {
    const now = performance.now();
    const before = noted.get(id);
    if (before !== undefined && now - before < NOTE_MS) return;
    if (noted.size > MANY) {
      for (const [other, at] of noted) if (now - at >= NOTE_MS) noted.delete(other);
    }
    noted.set(id, now);
    note(id);
  };
}
