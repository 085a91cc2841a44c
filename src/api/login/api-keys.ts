import { createHash, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type ApiKeyRow, findApiKeys, noteUse } from '../../db/access/api-keys.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type AuthResult, type Identity, refused } from './auth-result.ts';
import { createCachedLoader } from './cached-loader.ts';

/**
 * Parts of a key as sql/10_private/access/api_keys.sql creates them: the prefix that finds the key,
 * the secret, and a checksum of both.
 */
const FORM = /^(hwd_[0-9A-Za-z]{12})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/;
const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Compared with when there is no such key, so that it takes as long as a wrong secret. */
const NO_HASH = Buffer.alloc(32);
/** So often it is written down that a key is in use. */
const NOTE_MS = 60_000;
/** Beyond this, keys that were not used for so long are forgotten. */
const MANY = 1_000;

/** Whom a key is for, when it is one and may be used now. */
export type ReadApiKey = (key: string) => Promise<AuthResult<Identity>>;

type Asked = { prefix: string; digest: Buffer };

/** Whether this is to be read as an API key, and not as a token. */
export function isApiKey(text: string): boolean {
  return text.startsWith('hwd_');
}

/**
 * Reads API keys. Answers are kept by the whole key: a secret that is tried out waits for the database whether its id
 * exists or not. `onTrouble` is told when the database cannot be asked, or the use of a key not be written down.
 */
export function createKeyReader(pool: Pool, onTrouble: (error: unknown) => void): ReadApiKey {
  const find = createCachedLoader<Asked, ApiKeyRow | null>({
    keyOf: ({ prefix, digest }) => `${prefix} ${digest.toString('hex')}`,
    ask: (asked) =>
      findApiKeys(
        pool,
        asked.map(({ prefix }) => prefix),
      ),
  });
  const use = createNotes((id) => noteUse(pool, [id]).catch(onTrouble));
  return async (key) => {
    const asked = partsOf(key);
    if (!asked) return refused('invalid');
    try {
      const found = await find(asked);
      const isRight = timingSafeEqual(asked.digest, found?.hash ?? NO_HASH);
      if (!found || !isRight) return refused('invalid');
      if (found.state === 'good') use(found.id);
      return verdictOf(found);
    } catch (error) {
      onTrouble(error);
      return refused('unreachable');
    }
  };
}

function partsOf(key: string): Asked | undefined {
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

/** What is wrong with a key is told to who holds it. */
function verdictOf(found: ApiKeyRow): AuthResult<Identity> {
  if (found.state !== 'good') return refused(found.state === 'inactive' ? 'unknown' : found.state);
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

/** Calls `note` at the first use of a key, and from then on once a minute while it is used. */
function createNotes(note: (id: string) => void): (id: string) => void {
  const noted = new Map<string, number>();
  return (id) => {
    const now = performance.now();
    if (now - (noted.get(id) ?? Number.NEGATIVE_INFINITY) < NOTE_MS) return;
    if (noted.size > MANY) {
      for (const [other, at] of noted) if (now - at >= NOTE_MS) noted.delete(other);
    }
    noted.set(id, now);
    note(id);
  };
}
