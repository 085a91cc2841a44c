import type { Config } from '../../config.ts';
import type { IsActiveAccount } from './account-status.ts';
import { isApiKey, type ReadApiKey } from './api-key-reader.ts';
import { type AuthResult, type Identity, refusalOf } from './auth-result.ts';
import type { ReadToken } from './token.ts';

/**
 * Returns the identity of the bearer of an `Authorization` header, or why the login is rejected.
 */
export type Login = (authorization: string | undefined) => Promise<AuthResult<Identity>>;

export type LoginOptions = Pick<Config, 'auth'> & {
  readToken: ReadToken;
  readKey: ReadApiKey;
  exists: IsActiveAccount;
  /** The tenant of requests without a token while `auth` is none. */
  defaultTenantId: string | undefined;
  onTrouble(error: unknown): void;
};

/**
 * Creates the login of the API. A token is verified, and its tenant and user are looked up. An API
 * key is looked up. An invalid token or key is rejected even where a login is optional. Never
 * throws.
 */
export function createLogin(options: LoginOptions): Login {
  const logIn = createReader(options);
  if (options.auth === 'required') return logIn;
  return async (authorization) => {
    const result = await logIn(authorization);
    return result.ok ? { ok: true, value: { ...result.value, isWithoutLogin: true } } : result;
  };
}

function createReader(options: LoginOptions): Login {
  const { auth, readToken, readKey, exists, defaultTenantId, onTrouble } = options;
  return async (authorization) => {
    if (!authorization) {
      if (auth === 'required' || defaultTenantId === undefined) return refusalOf('missing');
      return {
        ok: true,
        value: {
          tenantId: defaultTenantId,
          userId: undefined,
          role: 'owner',
          expiresAt: undefined,
          ownsMachine: true,
        },
      };
    }
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
    if (token !== undefined && isApiKey(token)) return readKey(token);
    const read = token === undefined ? refusalOf('invalid') : await readToken(token);
    if (!read.ok) return read;
    try {
      const status = await exists(read.value);
      return status === 'good' ? read : refusalOf(status);
    } catch (error) {
      onTrouble(error);
      return refusalOf('unreachable');
    }
  };
}
