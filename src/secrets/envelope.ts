import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import type { Sealed, SealedSecret, SecretTraits, WrappedKey } from '../contracts/secret.ts';

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** A value this short shows too much of itself by four of its characters. */
const SHOWN_FROM = 16;

/** What a sealed thing is sealed as: it opens as nothing else. */
type Place = readonly (string | number)[];

/** A secret's place: no row opens in the place of another, or as an older version of itself. */
export function placeOfSecret(
  secret: Pick<SealedSecret, 'tenant_id' | 'id' | 'name' | 'version'>,
): Place {
  return ['howdah.secret', secret.tenant_id, secret.id, secret.name, secret.version];
}

/** A data key's place. */
export function placeOfKey(key: Pick<WrappedKey, 'tenant_id' | 'id' | 'wrapped_by'>): Place {
  return ['howdah.data_key', key.tenant_id, key.id, key.wrapped_by];
}

/** AES-256-GCM under a nonce of its own; the place is authenticated and not stored. */
export function seal(key: Buffer, place: Place, plain: Buffer): Sealed {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, key, nonce).setAAD(bytesOf(place));
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  return { nonce: nonce.toString('base64'), ciphertext: ciphertext.toString('base64') };
}

/** The plain bytes; undefined when the key is another, a bit has changed, or it was sealed for another place. */
export function open(key: Buffer, place: Place, sealed: Sealed): Buffer | undefined {
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

/** A key of 256 bits. */
export function newKey(): Buffer {
  return randomBytes(KEY_BYTES);
}

/** Tells master keys apart, and nothing else. */
export function fingerprintOfKey(key: Buffer): string {
  return createHmac('sha256', key).update('howdah.master_key').digest('hex').slice(0, 16);
}

/** What may be shown: a fingerprint that nobody can check a guess against, the last four of a value that is long. */
export function traitsOf(key: Buffer, value: string): SecretTraits {
  const own = Buffer.from(hkdfSync('sha256', key, '', 'howdah.fingerprint', KEY_BYTES));
  const fingerprint = createHmac('sha256', own).update(value).digest('hex').slice(0, 12);
  const isLong = value.length >= SHOWN_FROM && /^[\x21-\x7e]{4}$/.test(value.slice(-4));
  return { fingerprint, last_four: isLong ? value.slice(-4) : null };
}

function bytesOf(place: Place): Buffer {
  return Buffer.from(JSON.stringify(place));
}
