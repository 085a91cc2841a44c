import { SignJWT } from 'jose';
import { LRUCache } from 'lru-cache';
import { HowdahError } from '../../contracts/errors.ts';
import { TOKEN_PARTY } from '../../db/access/subjects.ts';
import type { Identity } from './auth-result.ts';

/** A tenant by its slug, and one of its users by name unless the caller is the whole tenant. */
export type CallerNames = {
  /** Default: `default`. */
  tenant?: string;
  user?: string;
};

/** The ids of a caller, and the most that the caller may do. */
export type KnownCaller = Pick<Identity, 'tenantId' | 'userId' | 'role'>;

/** Returns the token of a caller, as an `Authorization` header takes it. */
export type TokenOf = (caller: CallerNames) => Promise<string>;

/** The algorithm of these tokens. No other token may use it. */
export const PROCESS_ALGORITHM = 'HS512';
/** Lifetime of a token, the longest that is accepted. A stream ends with its token. */
const LIFETIME = '365 days';
const MAX_CALLERS = 1_000;
/** Time for which a role is remembered. Whether a user is active is checked at each request. */
const FRESH_MS = 60_000;

/**
 * Creates the logins of a process at its own API. The process made the key when it started, and no
 * other process has it. `find` looks up a caller, and throws `HWNTF` for an unknown one.
 */
export function createProcessLogins(
  key: Uint8Array,
  find: (caller: CallerNames) => Promise<KnownCaller>,
): TokenOf {
  const callers = new LRUCache<string, KnownCaller>({ max: MAX_CALLERS, ttl: FRESH_MS });
  return async (caller) => {
    refuseNameless(caller);
    const name = JSON.stringify([caller.tenant, caller.user]);
    const known = callers.get(name) ?? (await find(caller));
    callers.set(name, known);
    return signToken(key, known);
  };
}

/**
 * Throws `HWINV` for a caller whose user or tenant is there but has no name, such as the user of a
 * session that is over. Without a user, the caller would be the whole tenant.
 */
function refuseNameless(caller: CallerNames): void {
  for (const field of ['tenant', 'user'] as const) {
    const name: unknown = caller[field];
    if (!(field in caller) || (typeof name === 'string' && name !== '')) continue;
    throw new HowdahError('HWINV', `the ${field} of a caller is ${name === '' ? "''" : name}`, {
      hint: `Name the ${field}, or leave the field out for ${field === 'user' ? 'the whole tenant' : 'the tenant default'}. For a request without a login, authenticate returns undefined.`,
      detail: { field },
    });
  }
}

function signToken(key: Uint8Array, { tenantId, userId, role }: KnownCaller): Promise<string> {
  return new SignJWT({ tenant_id: tenantId, role, ...(userId && { user_id: userId }) })
    .setProtectedHeader({ alg: PROCESS_ALGORITHM, typ: 'JWT' })
    .setIssuer(TOKEN_PARTY)
    .setAudience(TOKEN_PARTY)
    .setSubject(userId ?? tenantId)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(key);
}
