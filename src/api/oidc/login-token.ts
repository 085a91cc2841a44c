import { SignJWT } from 'jose';
import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import {
  createLoginUser,
  findLoginAccount,
  type LoginAccount,
} from '../../db/access/login-accounts.ts';
import { TOKEN_PARTY, type UserRole } from '../../db/access/subjects.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { inTransactionAs, settingsFor } from '../login/session-settings.ts';
import { type ClaimedAccount, lowerRole } from './claimed-account.ts';

export type LoginTokenOptions = Pick<NonNullable<Config['oidc']>, 'newUsers' | 'sessionMinutes'> & {
  jwtSecret: string;
  /** The pool for logins, which sees all tenants. */
  pool: Pool;
  /** The pool for transactions of one tenant. */
  requests: Pool;
};

/** A token for the console, as `howdah admin token` makes it. */
export type LoginToken = { token: string; expires_at: string };

/**
 * Returns a token of the account that an ID token claims. Throws `HWDEN` if there is no such tenant
 * or user, or if they are not active. `address` is that of the client, for the audit log.
 */
export async function issueLoginToken(
  account: ClaimedAccount,
  address: string,
  options: LoginTokenOptions,
): Promise<LoginToken> {
  const found = await findLoginAccount(options.pool, account);
  if (!found?.tenant_is_active) throw unknownTenant(account, found !== undefined);
  const user = found.user ?? (await createUser(found, account, address, options));
  if (!user.is_active) {
    throw new HowdahError('HWDEN', `the user ${account.username} is deactivated`, {
      hint: `An admin of the tenant ${account.tenant} sets is_active of the user to true.`,
      detail: { user: account.username },
    });
  }
  const subject = { tenantId: found.tenant_id, userId: user.id };
  return sign({ ...subject, role: lowerRole(user.role, account.role) }, options);
}

/** Creates a user at the first login, with the rights and in the name of the tenant. */
async function createUser(
  { tenant_id: tenantId }: LoginAccount,
  account: ClaimedAccount,
  address: string,
  { newUsers, pool, requests }: LoginTokenOptions,
): Promise<NonNullable<LoginAccount['user']>> {
  const { tenant, username } = account;
  if (newUsers === undefined) {
    throw new HowdahError('HWDEN', `the tenant ${tenant} has no user ${username}`, {
      hint: `An admin creates the user with this name, or the operator sets HOWDAH_OIDC_NEW_USERS so that users are created at their first login.`,
      detail: { user: username },
    });
  }
  const identity = { tenantId, userId: undefined, role: 'admin', expiresAt: undefined } as const;
  await inTransactionAs(requests, settingsFor(identity, 'login', address), (client) =>
    createLoginUser(client, { username, role: newUsers }),
  );
  const created = await findLoginAccount(pool, account);
  if (!created?.user) throw unknownTenant(account, false);
  return created.user;
}

function unknownTenant({ tenant }: ClaimedAccount, isThere: boolean): HowdahError {
  const fault = isThere ? 'is deactivated' : 'does not exist';
  return new HowdahError('HWDEN', `the tenant ${tenant} ${fault}`, {
    hint: 'The operator creates or activates it, or sets HOWDAH_OIDC_TENANT or HOWDAH_OIDC_TENANT_CLAIM to another one.',
    detail: { tenant },
  });
}

async function sign(
  { tenantId, userId, role }: { tenantId: string; userId: string; role: UserRole },
  { jwtSecret, sessionMinutes }: LoginTokenOptions,
): Promise<LoginToken> {
  const iat = Math.floor(Date.now() / 1000);
  const exp = iat + sessionMinutes * 60;
  const token = await new SignJWT({ tenant_id: tenantId, user_id: userId, role, iat, exp })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(TOKEN_PARTY)
    .setAudience(TOKEN_PARTY)
    .setSubject(userId)
    .sign(Buffer.from(jwtSecret, 'utf8'));
  return { token, expires_at: new Date(exp * 1000).toISOString() };
}
