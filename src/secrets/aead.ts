import {
  type CipherKey,
  createCipheriv,
  createDecipheriv,
  createHmac,
  hkdfSync,
  randomBytes,
} from 'node:crypto';
import type { Sealed, SealedSecret, SecretTraits, WrappedKey } from '../contracts/secret.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/**
 * The length from which the last four characters of a value are shown. They would reveal too much
 * of a shorter value.
 */
const SHOWN_FROM = 16;

/** The place for which a value is sealed. The value opens in no other place. */
type Place = readonly (string | number)[];

/**
 * Returns the place of a secret: its row and version. So a sealed value that is copied into another
 * row, or restored over a newer version, does not open.
 */
export function placeOfSecret(
  secret: Pick<SealedSecret, 'tenant_id' | 'id' | 'name' | 'version'>,
): Place {
  return ['howdah.secret', secret.tenant_id, secret.id, secret.name, secret.version];
}

/** Returns the place of a data key. */
export function placeOfKey(key: Pick<WrappedKey, 'tenant_id' | 'id' | 'wrapped_by'>): Place {
  return ['howdah.data_key', key.tenant_id, key.id, key.wrapped_by];
}

/**
 * Encrypts bytes with AES-256-GCM under a nonce of their own. The place is authenticated and not
 * stored.
 */
export function seal(key: CipherKey, place: Place, plain: Buffer): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(bytesOf(place));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { nonce: nonce.toString('base64'), ciphertext: ciphertext.toString('base64') };
}

/**
 * Returns the plain bytes. Returns undefined if the key is another, if a bit has changed, or if the
 * bytes were sealed for another place.
 */
export function open(key: CipherKey, place: Place, sealed: Sealed): Buffer | undefined {
  const bytes = Buffer.from(sealed.ciphertext, 'base64');
  const nonce = Buffer.from(sealed.nonce, 'base64');
  if (bytes.length < TAG_BYTES || nonce.length !== NONCE_BYTES) return undefined;
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(bytesOf(place)).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Creates a key of 256 bits. */
export function newKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

/** Returns a fingerprint that distinguishes master keys and has no other use. */
export function fingerprintOfKey(key: Buffer): string {
  return createHmac('sha256', key).update('howdah.master_key').digest('hex').slice(0, 16);
}

/**
 * Returns the traits of a value that may be shown: a fingerprint that nobody can check a guess
 * against, and the last four characters of a long value.
 */
export function traitsOf(key: Buffer, value: string): SecretTraits {
  const own = Buffer.from(hkdfSync('sha256', key, '', 'howdah.fingerprint', KEY_BYTES));
  const fingerprint = createHmac('sha256', own).update(value).digest('hex').slice(0, 12);
  const isLong = value.length >= SHOWN_FROM && /^[\x21-\x7e]{4}$/.test(value.slice(-4));
  return { fingerprint, last_four: isLong ? value.slice(-4) : null };
}

function bytesOf(place: Place): Buffer {
  return Buffer.from(JSON.stringify(place));
}
