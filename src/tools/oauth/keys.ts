import { createHash, randomBytes } from 'node:crypto';

/** Returns 256 random bits as text. */
export function randomKey(): string {
  return randomBytes(32).toString('base64url');
}

/** Returns the digest under which a link, a state or a key is stored. */
export function sha256Of(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
