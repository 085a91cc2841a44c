import type { IsActiveAccount } from './account-status.ts';
import type { Identity, Refusal } from './auth-result.ts';
import { FRESH_MS } from './cached-loader.ts';
import { isLoggedIn, loginExpired } from './expiry.ts';

/** Somebody who was let in, and what is done when he may stay no longer. */
export type OpenConnection = { identity: Identity; leave(refusal: Refusal): void };

/** Looks again and again whether those who are there may stay. Gives what ends that. */
export function evictExpired(
  exists: IsActiveAccount,
  guests: () => Iterable<OpenConnection>,
): () => void {
  const sweep = async () => {
    const checks: Promise<void>[] = [];
    for (const guest of guests()) {
      if (isLoggedIn(guest.identity)) checks.push(check(guest, exists));
    }
    await Promise.allSettled(checks); // a lost database lets nobody in, and cuts nobody off
  };
  const timer = setInterval(sweep, FRESH_MS);
  return () => clearInterval(timer);
}

async function check({ identity, leave }: OpenConnection, exists: IsActiveAccount): Promise<void> {
  const refusal = await loginExpired(identity, exists);
  if (refusal) leave(refusal);
}
