import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { type UserRole, userRoles } from '../../db/access/subjects.ts';

/** The account that an ID token claims. */
export type ClaimedAccount = {
  tenant: string;
  username: string;
  /** True if the name of the user may differ in case, as email addresses do. */
  ignoresCase: boolean;
  /** The most that the login may do. Undefined: what the row of the user allows. */
  role: UserRole | undefined;
};

type Claims = Readonly<Record<string, unknown>>;
type Settings = Pick<
  NonNullable<Config['oidc']>,
  'userClaim' | 'tenantClaim' | 'tenant' | 'roleClaim'
>;

const MAX_LENGTH = 200;

/**
 * Reads the account from the claims of an ID token. Throws `HWDEN` with the name of a claim that is
 * missing. An email address counts only if the provider has verified it: others can be chosen by
 * whoever signs in.
 */
export function readClaims(claims: Claims, settings: Settings, host: string): ClaimedAccount {
  const { userClaim, tenantClaim, roleClaim } = settings;
  if (userClaim === 'email' && !isTrue(claims.email_verified)) {
    throw new HowdahError('HWDEN', `${host} does not say that your email address is verified`, {
      hint: 'Verify the address there. If your provider never says it (email_verified), the operator sets HOWDAH_OIDC_USER_CLAIM to an id that nobody chooses, such as sub.',
      detail: { claim: 'email_verified' },
    });
  }
  const username = textOf(claims, userClaim, host);
  const isEmail = userClaim === 'email';
  return {
    username: isEmail ? username.trim().toLowerCase() : username,
    ignoresCase: isEmail,
    tenant: tenantClaim === undefined ? settings.tenant : textOf(claims, tenantClaim, host),
    role: roleClaim === undefined ? undefined : roleOf(claims, roleClaim, host),
  };
}

/** Returns the lower of two roles. `userRoles` begins with the highest. */
export function lowerRole(one: UserRole, other: UserRole = one): UserRole {
  return userRoles.indexOf(one) > userRoles.indexOf(other) ? one : other;
}

function textOf(claims: Claims, name: string, host: string): string {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  const isUsable = typeof value === 'string' && value.trim() !== '' && !/\p{Cc}/u.test(value);
  if (isUsable && value.length <= MAX_LENGTH) return value;
  throw missingClaim(name, host, `a text of at most ${MAX_LENGTH} characters`);
}

/** Returns the highest role of a claim that is a role or a list of roles and other groups. */
function roleOf(claims: Claims, name: string, host: string): UserRole {
  const values = Object.hasOwn(claims, name) ? [claims[name]].flat() : [];
  const role = userRoles.find((one) => values.includes(one));
  if (role !== undefined) return role;
  throw missingClaim(name, host, `one of ${userRoles.join(', ')}, or a list with one of them`);
}

function missingClaim(claim: string, host: string, form: string): HowdahError {
  return new HowdahError('HWDEN', `the ID token of ${host} has no usable claim ${claim}`, {
    hint: `The operator adds the claim at the provider, as ${form}, or names another one in HOWDAH_OIDC_USER_CLAIM, _TENANT_CLAIM or _ROLE_CLAIM.`,
    detail: { claim },
  });
}

/** Returns whether a claim is true. Some providers write it as a text. */
function isTrue(value: unknown): boolean {
  return value === true || value === 'true';
}
