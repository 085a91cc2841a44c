import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { HowdahError } from '../contracts/errors.ts';
import { hasApiKeys } from '../db/access/api-keys.ts';
import type { Pool } from '../db/connection/pool.ts';
import { isMigrated } from './health/health.ts';
import { type CountRequest, createRequestLimits } from './limits/request-limits.ts';
import { createAccountStatus, type IsActiveAccount } from './login/account-status.ts';
import { createKeyReader } from './login/api-key-reader.ts';
import type { Identities } from './login/identities.ts';
import { createLogin, type Login } from './login/login.ts';
import { createTokenReader, type TokenKeys } from './login/token.ts';

export type AuthenticationOptions = Pick<Config, 'auth'> & TokenKeys & { log: Logger };

/** The means by which each endpoint determines who sends a request. */
export type Authentication = {
  login: Login;
  exists: IsActiveAccount;
  /** The identities of authenticated requests and sockets. */
  identities: Identities;
  countRequest: CountRequest;
};

/**
 * Creates the authentication. Throws `HWCNF` when the database is not migrated or lacks the tenant
 * of requests without a login; `HWDEN` when a login is required and no caller could have one.
 */
export async function createAuthentication(
  options: AuthenticationOptions,
  pool: Pool,
): Promise<Authentication> {
  const { auth, log } = options;
  const onTrouble = (err: unknown) => log.error({ err }, 'a token or key could not be checked');
  await refuseUnmigrated(pool);
  const defaultTenantId = auth === 'required' ? undefined : await findDefaultTenant(pool);
  const exists = createAccountStatus(pool);
  const readToken = createTokenReader(options, onTrouble);
  const readKey = createKeyReader(pool, options, onTrouble);
  await refuseKeyless(options, pool);
  return {
    login: createLogin({ auth, readToken, readKey, exists, defaultTenantId, onTrouble }),
    exists,
    identities: new WeakMap(),
    countRequest: createRequestLimits(pool),
  };
}

async function refuseUnmigrated(pool: Pool): Promise<void> {
  if (await isMigrated(pool)) return;
  throw new HowdahError('HWCNF', 'the database is not migrated', {
    hint: 'Run: npx howdah migrate up',
  });
}

/** Returns the tenant of requests without a token, on a server that requires no login. */
async function findDefaultTenant(pool: Pool): Promise<string> {
  const { rows } = await pool.query(
    `select t.id from howdah.tenants as t where t.slug = 'default'`,
  );
  if (rows[0]) return rows[0].id;
  throw new HowdahError('HWCNF', "the tenant with the slug 'default' does not exist", {
    hint: `Without a login, every request acts for this tenant. Create it in SQL: insert into howdah.tenants (slug, name) values ('default', 'Default'). Or require a login: HOWDAH_AUTH=required.`,
    detail: { tenant: 'default' },
  });
}

async function refuseKeyless(
  { auth, jwtSecret, jwksUrl, processKey }: AuthenticationOptions,
  pool: Pool,
): Promise<void> {
  if (auth === 'none' || (jwtSecret ?? jwksUrl ?? processKey) !== undefined) return;
  if (await hasApiKeys(pool)) return;
  throw new HowdahError(
    'HWDEN',
    'the API requires a login, but nobody could log in: there is no API key, and no key for tokens',
    {
      hint: 'Create an API key: npx howdah admin key create NAME --tenant default. Or set HOWDAH_JWT_SECRET to the output of: openssl rand -base64 48 (or set HOWDAH_JWKS_URL). If only programs of this machine call the API, without a proxy: HOWDAH_AUTH=none.',
    },
  );
}
