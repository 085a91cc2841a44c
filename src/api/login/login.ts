import type { Config } from '../../config.ts';
import type { IsActiveAccount } from './account-status.ts';
import { isApiKey, type ReadApiKey } from './api-keys.ts';
import { type AuthResult, type Identity, refused } from './auth-result.ts';
import type { ReadToken } from './token.ts';

/** As whom the bearer of this `Authorization` header is answered. */
export type Login = (authorization: string | undefined) => Promise<AuthResult<Identity>>;

export type LoginOptions = Pick<Config, 'auth'> & {
  readToken: ReadToken;
  readKey: ReadApiKey;
  exists: IsActiveAccount;
  /** For whom requests without a token act while `auth` is none. */
  defaultTenantId: string | undefined;
  onTrouble(error: unknown): void;
};

/**
 * The one door of the API: a token is read, and its tenant and user looked up; an API key is looked up. Where they are
 * optional, a bad one is refused all the same. Never throws.
 */
export function createLogin(options: LoginOptions): Login {
  const { auth, readToken, readKey, exists, defaultTenantId, onTrouble } = options;
  return async (authorization) => {
    if (!authorization) {
      if (auth === 'required' || defaultTenantId === undefined) return refused('missing');
      return {
        ok: true,
        value: {
          tenantId: defaultTenantId,
          userId: undefined,
          role: 'owner',
          expiresAt: undefined,
        },
      };
    }
    const [, token] = /^bearer +(\S+) *$/i.exec(authorization) ?? [];
    if (token !== undefined && isApiKey(token)) return readKey(token);
    const read = token === undefined ? refused('invalid') : await readToken(token);
    if (!read.ok) return read;
    try {
      const standing = await exists(read.value);
      return standing === 'good' ? read : refused(standing);
    } catch (error) {
      onTrouble(error);
      return refused('unreachable');
    }
  };
}
