import { z } from 'zod';
import { commaList } from './parse-variables.ts';

const BYTES = 32;

/**
 * Parses the 32 bytes of a master key, written as base64 (either alphabet) or hex. Returns
 * undefined for anything else.
 */
export function parseSecretKey(text: string): Buffer | undefined {
  if (/^[\da-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  if (!/^[\w+/-]{43}=?$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.length === BYTES ? bytes : undefined;
}

/** A list of master keys in a variable of the environment. */
export const secretKeyList = commaList
  .transform((list) => list.map(parseSecretKey))
  .pipe(z.array(z.custom<Buffer>(Buffer.isBuffer)));
