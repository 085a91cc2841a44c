import { SignJWT } from 'jose';
import { TOKEN_PARTY } from '../../db/access/subjects.ts';
import type { Identity } from './auth-result.ts';

/** The algorithm of process tokens. No other token may use it. */
export const PROCESS_ALGORITHM = 'HS512';
/** Lifetime of a token. A stream ends with its token, and the client then opens it again. */
const LIFETIME = '1 day';

/**
 * Signs a token with which a process logs in to its own API. The process made the key when it
 * started, and no other process has it.
 */
export function signProcessToken(
  key: Uint8Array,
  { tenantId, userId, role }: Pick<Identity, 'tenantId' | 'userId' | 'role'>,
): Promise<string> {
  return new SignJWT({ tenant_id: tenantId, role, ...(userId && { user_id: userId }) })
    .setProtectedHeader({ alg: PROCESS_ALGORITHM, typ: 'JWT' })
    .setIssuer(TOKEN_PARTY)
    .setAudience(TOKEN_PARTY)
    .setSubject(userId ?? tenantId)
    .setIssuedAt()
    .setExpirationTime(LIFETIME)
    .sign(key);
}
