import type { IsActiveAccount } from './account-status.ts';
import type { Identity, LoginRefusal } from './auth-result.ts';
import { FRESH_MS } from './cached-loader.ts';
import { isLoggedIn, loginExpired } from './expiry.ts';

/**
 * An open connection with its identity. `leave` ends the connection when its login is no longer
 * valid.
 */
export type AuthenticatedConnection = { identity: Identity; leave(refusal: LoginRefusal): void };

/**
 * Checks at an interval whether open connections may stay open. Returns a function that ends the
 * checks.
 */
export function evictExpired(
  exists: IsActiveAccount,
  connections: () => Iterable<AuthenticatedConnection>,
): () => void {
  const sweep = async () => {
    const checks: Promise<void>[] = [];
    for (const connection of connections()) {
      if (isLoggedIn(connection.identity)) checks.push(check(connection, exists));
    }
    await Promise.allSettled(checks); // a lost database disconnects no caller
  };
  const timer = setInterval(sweep, FRESH_MS);
  return () => clearInterval(timer);
}

async function check(
  { identity, leave }: AuthenticatedConnection,
  exists: IsActiveAccount,
): Promise<void> {
  const refusal = await loginExpired(identity, exists);
  if (refusal) leave(refusal);
}
