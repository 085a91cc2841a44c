import { createHash, timingSafeEqual } from 'node:crypto';

/** Returns whether two secrets are equal. The time reveals neither their contents nor lengths. */
export function equalInConstantTime(one: string | Buffer, other: string | Buffer): boolean {
  return timingSafeEqual(sha256(one), sha256(other));
}

function sha256(value: string | Buffer): Buffer {
  return createHash('sha256').update(value).digest();
}
