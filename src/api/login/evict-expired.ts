import type { Exists } from './account-status.ts';
import type { Identity, Refusal } from './auth-result.ts';
import { FRESH_MS } from './cached-loader.ts';
import { isLoggedIn, noLongerIn } from './expiry.ts';

/** Somebody who was let in, and what is done when he may stay no longer. */
export type Guest = { identity: Identity; leave(refusal: Refusal): void };

/** Looks again and again whether those who are there may stay. Gives what ends that. */
export function sweepGuests(exists: Exists, guests: () => Iterable<Guest>): () => void {
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

async function check({ identity, leave }: Guest, exists: Exists): Promise<void> {
  const refusal = await noLongerIn(identity, exists);
  if (refusal) leave(refusal);
}
