import type { IsActiveAccount } from './account-status.ts';
import { type Identity, type LoginRefusal, refusalOf } from './auth-result.ts';

/** Returns whether the caller has a token or key. A caller without a login never expires. */
export function isLoggedIn({ expiresAt, apiKeyId }: Identity): boolean {
  return expiresAt !== undefined || apiKeyId !== undefined;
}

/** Returns whether a token or key has expired. */
export function hasExpired({ expiresAt = Number.POSITIVE_INFINITY }: Identity): boolean {
  return expiresAt <= Date.now();
}

/**
 * Returns why a connected caller may no longer stay, or undefined while the caller may. Rejects
 * when the database cannot be queried.
 */
export async function loginExpired(
  identity: Identity,
  exists: IsActiveAccount,
): Promise<LoginRefusal | undefined> {
  if (!isLoggedIn(identity)) return;
  const status = hasExpired(identity) ? 'expired' : await exists(identity);
  return status === 'good' ? undefined : refusalOf(status).refusal;
}
