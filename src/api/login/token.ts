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
import { type AuthResult, type Identity, refusalOf } from './auth-result.ts';
import { PROCESS_ALGORITHM } from './process-logins.ts';

/** The allowed difference between clocks, in seconds. */
const LEEWAY_S = 30;
/**
 * The maximum age of a token, whatever its exp says, so that a leaked token ends some day. `howdah
 * token` makes no token that lasts longer.
 */
const OLDEST = '365 days';
/**
 * The accepted types of a token from a key set. Tokens of other types are made for other purposes,
 * and not to log in.
 */
const TYPES = new Set([undefined, 'JWT', 'AT+JWT']);
/** Most characters of a token. Tokens made by Howdah have 400. */
const MAX_CHARACTERS = 8_192;
const COMPACT_JWS = /^[\w-]+\.[\w-]+\.[\w-]+$/;
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
/** The codes of jose for keys that could not be fetched, which is not the fault of the client. */
const KEY_TROUBLE = new Set(['ERR_JWKS_TIMEOUT', 'ERR_JWKS_INVALID', 'ERR_JOSE_GENERIC']);

export type TokenKeys = Pick<Config, 'jwtSecret' | 'jwksUrl'> & {
  /** The key of the tokens that this process signs for itself. */
  processKey?: Uint8Array | undefined;
};

/**
 * Returns the identity that a token names, or why the token is rejected. Does not query the
 * database.
 */
export type ReadToken = (token: string) => Promise<AuthResult<Identity>>;

/** Verifies a token with the key that belongs to its algorithm. */
type Verify = (token: string) => Promise<JWTVerifyResult>;

/**
 * Creates the reader of tokens. A token is signed with the secret (HS256), by a key of the key set
 * (RS256, ES256), or with the key of this process (HS512). Each key has its own algorithms, so that
 * a public key is never used as a secret. `onTrouble` is called with the error when keys cannot be
 * fetched. Keys that were fetched before are used for ten minutes.
 */
export function createTokenReader(keys: TokenKeys, onTrouble: (error: unknown) => void): ReadToken {
  const verifiers = verifiersOf(keys);
  return async (token) => {
    if (verifiers.size === 0) return refusalOf('keyless');
    if (token.length > MAX_CHARACTERS || !isCompactJws(token)) return refusalOf('invalid');
    try {
      const { alg, typ } = headerOf(token);
      const verify = TYPES.has(typ) ? verifiers.get(alg) : undefined;
      return verify ? identityOf((await verify(token)).payload) : refusalOf('invalid');
    } catch (error) {
      if (error instanceof errors.JWTExpired) return refusalOf('expired');
      if (error instanceof errors.JOSEError && !KEY_TROUBLE.has(error.code)) {
        return refusalOf('invalid');
      }
      onTrouble(error);
      return refusalOf('unreachable');
    }
  };
}

/**
 * Returns whether a text is a compact JWS whose signature is encoded canonically. The last letter
 * of a signature has unused bits. With other values in these bits, the token is the same to jose,
 * but it is not the token that was issued.
 */
function isCompactJws(token: string): boolean {
  const signature = token.slice(token.lastIndexOf('.') + 1);
  return (
    COMPACT_JWS.test(token) &&
    Buffer.from(signature, 'base64url').toString('base64url') === signature
  );
}

function verifiersOf({
  jwtSecret,
  jwksUrl,
  processKey,
}: TokenKeys): Map<string | undefined, Verify> {
  const verifiers = new Map<string | undefined, Verify>();
  if (jwtSecret !== undefined) {
    const key = createSecretKey(Buffer.from(jwtSecret, 'utf8'));
    verifiers.set(
      'HS256',
      verifier('HS256', async () => key),
    );
  }
  if (processKey !== undefined) {
    const key = createSecretKey(processKey);
    verifiers.set(
      PROCESS_ALGORITHM,
      verifier(PROCESS_ALGORITHM, async () => key),
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

/**
 * Returns the algorithm and the type of a token. The algorithm only says which key to try. The type
 * is compared without its case and without `application/`.
 */
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
  if (!known || !isUuid(tenant_id) || exp === undefined) return refusalOf('invalid');
  const subject = { tenantId: tenant_id, role: known, expiresAt: exp * 1000 };
  if (user_id === undefined || user_id === null) {
    return { ok: true, value: { ...subject, userId: undefined } };
  }
  return isUuid(user_id)
    ? { ok: true, value: { ...subject, userId: user_id } }
    : refusalOf('invalid');
}

function isUuid(value: unknown): value is string {
  return typeof value === 'string' && UUID.test(value);
}
