import { createSecretKey } from 'node:crypto';
import {
  createRemoteJWKSet,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyResult,
  jwtVerify,
} from 'jose';
import type { Config } from '../../config.ts';
import { TOKEN_PARTY, userRoles } from '../../db/access/subjects.ts';
import { type AuthResult, type Identity, refused } from './auth-result.ts';

/** Clocks may differ by so many seconds. */
const LEEWAY_S = 30;
/** Whatever its exp says: a token that has leaked ends some day. `howdah token` makes none that lasts longer. */
const OLDEST = '365 days';
/** What a token of somebody's key set may call itself; others are made for other things, and not to log in. */
const TYPES = new Set([undefined, 'JWT', 'AT+JWT']);
/** Ours have 400 characters. */
const MOST_CHARACTERS = 8_192;
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** What jose says when keys could not be fetched: not the client's fault. */
const KEY_TROUBLE = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

export type TokenKeys = Pick<Config, 'jwtSecret' | 'jwksUrl'>;

/** Whom a token names, when it is one. Asks no database. */
export type ReadToken = (token: string) => Promise<AuthResult<Identity>>;

/** Verifies with the key that belongs to the algorithm. */
type Verify = (token: string) => Promise<JWTVerifyResult>;

/**
 * Reads tokens: signed with the secret (HS256) or by a key of the key set (RS256, ES256), with the claims of contract
 * section 7. Each key has its own algorithms, so that a public key is never taken for a secret. `onTrouble` is told
 * why keys could not be fetched; those fetched before serve for ten minutes.
 */
export function createTokenReader(keys: TokenKeys, onTrouble: (error: unknown) => void): ReadToken {
  const verifiers = verifiersOf(keys);
  return async (token) => {
    if (verifiers.size === 0) return refused('keyless');
    if (token.length > MOST_CHARACTERS || !isCompactJws(token)) return refused('invalid');
    try {
      const { alg, typ } = headerOf(token);
      const verify = TYPES.has(typ) ? verifiers.get(alg) : undefined;
      return verify ? identityOf((await verify(token)).payload) : refused('invalid');
    } catch (error) {
      if (error instanceof errors.JWTExpired) return refused('expired');
      if (error instanceof errors.JOSEError && !KEY_TROUBLE.has(error.code)) {
        return refused('invalid');
      }
      onTrouble(error);
      return refused('unreachable');
    }
  };
}

/** The last letter of a signature has bits that mean nothing: with others in them it is the same to jose, and not the token that was made. */
function isCompactJws(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return (
    COMPACT_JWS.test(token) &&
    Buffer.from(signature, 'base64url').toString('base64url') === signature
  );
}

function verifiersOf({ jwtSecret, jwksUrl }: TokenKeys): Map<string | undefined, Verify> {
  const verifiers = new Map<string | undefined, Verify>();
  if (jwtSecret !== undefined) {
    const key = createSecretKey(Buffer.from(jwtSecret, 'utf8'));
    verifiers.set(
      'HS256',
      verifier('HS256', async () => key),
    );
  }
  if (jwksUrl !== undefined) {
    const keySet = createRemoteJWKSet(new URL(jwksUrl), { cacheMaxAge: 600_000 });
    for (const algorithm of ['RS256', 'ES256']) {
      verifiers.set(algorithm, verifier(algorithm, keySet));
    }
  }
  return verifiers;
}

function verifier(algorithm: string, key: JWTVerifyGetKey): Verify {
  return (token) =>
    jwtVerify(token, key, {
      algorithms: [algorithm],
      issuer: TOKEN_PARTY,
      audience: TOKEN_PARTY,
      clockTolerance: LEEWAY_S,
      maxTokenAge: OLDEST,
      requiredClaims: ['sub', 'tenant_id', 'role', 'iat', 'exp'],
    });
}

/** Only says which key to try; what the token calls itself is compared without its case and `application/`. */
function headerOf(token: string): { alg?: string | undefined; typ?: string | undefined } {
  try {
    const { alg, typ } = decodeProtectedHeader(token);
    return {
      alg,
      typ: typ === undefined ? typ : `${typ}`.toUpperCase().replace(/^APPLICATION\//, ''),
    };
  } catch {
    return {};
  }
}

function identityOf({ tenant_id, user_id, role, exp }: JWTPayload): AuthResult<Identity> {
  const known = userRoles.find((one) => one === role);
  if (!known || !isUuid(tenant_id) || exp === undefined) return refused('invalid');
  const subject = { tenantId: tenant_id, role: known, expiresAt: exp * 1000 };
  if (user_id === undefined || user_id === null) {
    return { ok: true, value: { ...subject, userId: undefined } };
  }
  return isUuid(user_id)
    ? { ok: true, value: { ...subject, userId: user_id } }
    : refused('invalid');
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}
