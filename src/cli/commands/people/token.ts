import { type Command, Option } from 'commander';
import { SignJWT } from 'jose';
import { HowdahError } from '../../../contracts/errors.ts';
import {
  createUser,
  inactiveOf,
  TOKEN_PARTY,
  type UserRole,
  userRoles,
} from '../../../db/access/subjects.ts';
import type { Queries } from '../../../db/queries/queries.ts';
import { withDatabase } from '../../backend/with-database.ts';
import { parseDuration } from '../../input/parse-duration.ts';
import { TENANT_OPTION, tenantOf } from '../../input/resolve-tenant.ts';
import { userOf } from '../../input/resolve-user.ts';
import { type CliIo, printJson } from '../../output/output.ts';

type TokenOptions = {
  tenant?: string;
  user: string;
  role?: UserRole;
  /** The lifetime, in seconds. */
  expires: number;
  create?: true;
};
type Claims = { user_id: string; tenant_id: string; role: UserRole; iat: number; exp: number };

const MAX_DAYS = 365;

/**
 * Registers `howdah admin token`, which prints a token for the API, signed with HOWDAH_JWT_SECRET.
 */
export function register(command: Command, io: CliIo): void {
  command
    .option(...TENANT_OPTION)
    .requiredOption('--user <name>', 'user that the token acts as')
    .addOption(
      new Option('--role <role>', 'role of the token (default: the role of the user)').choices([
        ...userRoles,
      ]),
    )
    .addOption(
      new Option('--expires <time>', 'lifetime, such as 90s, 15m, 8h or 30d')
        .argParser(parseDuration(MAX_DAYS))
        .default(8 * 3_600, '8h'),
    )
    .option('--create', 'create the user if it does not exist')
    .action((options: TokenOptions) => printToken(io, options));
}

async function printToken(io: CliIo, options: TokenOptions): Promise<void> {
  const { jwtSecret } = await io.config();
  if (jwtSecret === undefined) throw noSecret();
  await withDatabase(
    io,
    async ({ db }) => {
      const tenant = await tenantOf(db, options.tenant);
      const user = await namedOf(db, tenant, options);
      const role = options.role ?? user.role;
      const iat = Math.floor(Date.now() / 1000);
      const exp = iat + options.expires;
      const claims = { user_id: user.id, tenant_id: tenant.id, role, iat, exp };
      const token = await sign(claims, jwtSecret);
      if (!io.json) return io.out(token);
      printJson(io, { token, ...claims, expires_at: new Date(exp * 1000) });
    },
    { createsDatabase: true },
  );
}

function sign(claims: Claims, secret: string): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuer(TOKEN_PARTY)
    .setAudience(TOKEN_PARTY)
    .setSubject(claims.user_id)
    .sign(Buffer.from(secret, 'utf8'));
}

async function namedOf(db: Queries, tenant: { id: string; slug: string }, options: TokenOptions) {
  const { user: username, role = 'member', create } = options;
  if (create) await createUser(db, { tenantId: tenant.id, username, role });
  const user = await userOf(db, tenant, username, 'Use --create to create the user.');
  await refuseInactive(db, tenant, user);
  return atMost(user, options.role);
}

/**
 * Throws `HWCNF` if the tenant or the user is not active, because the API would reject the token.
 */
async function refuseInactive(
  db: Queries,
  tenant: { id: string; slug: string },
  user: { id: string; username: string },
): Promise<void> {
  const inactive = await inactiveOf(db, tenant.id, user.id);
  if (inactive === undefined) return;
  const name = inactive === 'tenant' ? tenant.slug : user.username;
  throw new HowdahError('HWCNF', `the ${inactive} '${name}' is not active`, {
    hint: `Name an active ${inactive}, or set is_active of this ${inactive} to true.`,
    detail: { [inactive]: name },
  });
}

/**
 * Returns the user if a token may have this role. The API allows nobody more than the row of the
 * user allows.
 */
function atMost<U extends { username: string; role: UserRole }>(user: U, role = user.role): U {
  if (userRoles.indexOf(role) >= userRoles.indexOf(user.role)) return user;
  throw new HowdahError(
    'HWINV',
    `a token of ${user.username} cannot have the role ${role}, because the role of the user is ${user.role}`,
    {
      hint: `Omit --role, or have an owner of the database change the role of the user to ${role} (howdah.users).`,
      detail: { field: 'role', role, user_role: user.role },
    },
  );
}

function noSecret(): HowdahError {
  return new HowdahError('HWINV', 'HOWDAH_JWT_SECRET is not set, so the token cannot be signed', {
    hint: 'Set it for this command and for the API to the output of: openssl rand -base64 48',
    detail: { variable: 'HOWDAH_JWT_SECRET' },
  });
}
