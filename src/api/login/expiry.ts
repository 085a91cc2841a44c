import type { IsActiveAccount } from './account-status.ts';
import { type Identity, type Refusal, refused } from './auth-result.ts';

/** Returns whether the caller has a token or key. A caller without a login never expires. */
export function isLoggedIn({ expiresAt, apiKeyId }: Identity): boolean {
  return expiresAt !== undefined || apiKeyId !== undefined;
}

/** Whether a token or key has ended. */
export function hasExpired({ expiresAt = Number.POSITIVE_INFINITY }: Identity): boolean {
  return expiresAt <= Date.now();
}

/** Why somebody who was let in may stay no longer; undefined while he may. Rejects when the database cannot be asked. */
export async function loginExpired(
  identity: Identity,
  exists: IsActiveAccount,
): Promise<Refusal | undefined> {
  if (!isLoggedIn(identity)) return;
  const standing = hasExpired(identity) ? 'expired' : await exists(identity);
  return standing === 'good' ? undefined : refused(standing).refusal;
}
