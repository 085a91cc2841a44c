import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

/**
 * Returns the password of the app, or undefined if the environment says that no login is needed.
 * Throws an error if it says neither.
 */
export function passwordOf(env: NodeJS.ProcessEnv): string | undefined {
  const { APP_PASSWORD, HOWDAH_AUTH } = env;
  if (APP_PASSWORD) return APP_PASSWORD;
  if (HOWDAH_AUTH === 'none') return undefined;
  throw new Error(
    'APP_PASSWORD is not set. Set it in .env, to the output of: openssl rand -base64 18. ' +
      'If only programs of this machine call the app, without a proxy: HOWDAH_AUTH=none.',
  );
}

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
