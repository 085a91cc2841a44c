import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/** Returns whether a request has the password, as browsers send it (HTTP Basic, any user name). */
export function isLoggedIn({ headers }: IncomingMessage, password: string): boolean {
  const [scheme, credentials = ''] = headers.authorization?.split(' ') ?? [];
  if (scheme?.toLowerCase() !== 'basic') return false;
  const submitted = Buffer.from(credentials, 'base64')
    .toString()
    .replace(/^[^:]*:/, '');
  return timingSafeEqual(digest(submitted), digest(password)); // which needs equal lengths
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
