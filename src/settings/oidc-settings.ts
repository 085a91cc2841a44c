import { z } from 'zod';
import { isConfidential } from '../network/addresses.ts';
import { invalidVariable, wholeNumber } from './parse-variables.ts';

/** The settings of the login of the console at an OpenID provider. */
export type OidcSettings = Readonly<{
  /** The URL of the provider, exactly as the provider names itself. */
  issuer: string;
  clientId: string;
  /** Undefined for a public client. Must never be logged. */
  clientSecret: string | undefined;
  /** How the secret is sent, as the client is registered. */
  clientAuth: 'client_secret_basic' | 'client_secret_post';
  scopes: string;
  /** The claim with the name of the user. */
  userClaim: string;
  /** The claim with the slug of the tenant. Undefined: everybody belongs to `tenant`. */
  tenantClaim: string | undefined;
  tenant: string;
  /** The claim with the role, or with a list of roles. Undefined: the role of the user's row. */
  roleClaim: string | undefined;
  /** The role of users who are created at their first login. Undefined: none is created. */
  newUsers: 'viewer' | 'member' | undefined;
  sessionMinutes: number;
}>;

const claim = z.string().max(200);
/** Issuers of Entra that are any directory: whoever owns one chooses its users and their claims. */
const SHARED_ISSUER =
  /^https:\/\/login\.microsoftonline\.com\/(common|organizations|consumers)(\/|$)/i;

/** The variables with their fixes, in the form of the variables of the configuration. */
export const oidcVariables = {
  HOWDAH_OIDC_ISSUER: [
    z
      .url({ protocol: /^https?$/ })
      .refine((text) => /^https?:\/\/[^@?#]+$/i.test(text) && isConfidential(new URL(text)))
      .refine((text) => !SHARED_ISSUER.test(text) && !text.includes('/.well-known/'))
      .optional(),
    'the https URL of an OpenID provider without /.well-known/…, such as https://login.example.com/realms/acme; for Entra the URL with the id of your directory; http is for loopback only',
  ],
  HOWDAH_OIDC_CLIENT_ID: [z.string().max(500).optional(), 'the id of the client at the provider'],
  HOWDAH_OIDC_CLIENT_SECRET: [
    z.string().max(2_000).optional(),
    'the secret of the client, or unset it for a public client',
  ],
  HOWDAH_OIDC_CLIENT_AUTH: [
    z.enum(['client_secret_basic', 'client_secret_post']).default('client_secret_post'),
    'client_secret_post or client_secret_basic',
  ],
  HOWDAH_OIDC_SCOPES: [
    z
      .string()
      .regex(/^(\S+ )*openid( \S+)*$/)
      .default('openid email profile'),
    'scopes separated by spaces, with openid among them, such as openid email profile',
  ],
  HOWDAH_OIDC_USER_CLAIM: [claim.default('email'), 'the name of a claim, such as email'],
  HOWDAH_OIDC_TENANT_CLAIM: [claim.optional(), 'the name of a claim, such as tenant'],
  HOWDAH_OIDC_TENANT: [z.string().max(200).default('default'), 'the slug of a tenant'],
  HOWDAH_OIDC_ROLE_CLAIM: [claim.optional(), 'the name of a claim, such as howdah_role'],
  HOWDAH_OIDC_NEW_USERS: [
    z.enum(['viewer', 'member']).optional(),
    'viewer or member, or unset it so that unknown users are refused',
  ],
  HOWDAH_OIDC_SESSION_MINUTES: [
    wholeNumber(5, 1_440).default(480),
    'a whole number of minutes from 5 to 1440',
  ],
} as const satisfies Record<string, readonly [z.ZodType, string]>;

type Values = { [N in keyof typeof oidcVariables]: z.infer<(typeof oidcVariables)[N][0]> };

/** The other settings that the login needs. */
type Needs = {
  /** Whether the environment sets a variable, also to its default. */
  isSet(name: string): boolean;
  publicUrl: string | undefined;
  jwtSecret: string | undefined;
  auth: 'none' | 'required';
};

/**
 * Returns the settings of the login, or undefined if none is set. Throws `HWINV` if a setting is
 * missing that the login needs, or if one is set that would have no effect.
 */
export function oidcSettings(values: Values, needs: Needs): OidcSettings | undefined {
  const { HOWDAH_OIDC_ISSUER: issuer, HOWDAH_OIDC_CLIENT_ID: clientId } = values;
  if (issuer === undefined) {
    const given = Object.keys(oidcVariables).find(needs.isSet);
    if (given === undefined) return undefined;
    throw missing('HOWDAH_OIDC_ISSUER', `${given} is set`, 'the URL of the provider');
  }
  if (clientId === undefined) {
    throw missing('HOWDAH_OIDC_CLIENT_ID', IS_SET, 'the id of the client at the provider');
  }
  checkNeeds(needs);
  checkEffects(needs);
  return Object.freeze({
    issuer,
    clientId,
    clientSecret: values.HOWDAH_OIDC_CLIENT_SECRET,
    clientAuth: values.HOWDAH_OIDC_CLIENT_AUTH,
    scopes: values.HOWDAH_OIDC_SCOPES,
    userClaim: values.HOWDAH_OIDC_USER_CLAIM,
    tenantClaim: values.HOWDAH_OIDC_TENANT_CLAIM,
    tenant: values.HOWDAH_OIDC_TENANT,
    roleClaim: values.HOWDAH_OIDC_ROLE_CLAIM,
    newUsers: values.HOWDAH_OIDC_NEW_USERS,
    sessionMinutes: values.HOWDAH_OIDC_SESSION_MINUTES,
  });
}

const IS_SET = 'HOWDAH_OIDC_ISSUER is set';

function checkNeeds({ publicUrl, jwtSecret, auth }: Needs): void {
  if (auth === 'none') {
    throw invalidVariable('HOWDAH_AUTH', `it is none, and ${IS_SET}`, 'Set it to required.');
  }
  if (jwtSecret === undefined) {
    throw missing('HOWDAH_JWT_SECRET', IS_SET, 'the output of: openssl rand -base64 48');
  }
  if (publicUrl === undefined || !isConfidential(new URL(publicUrl))) {
    throw missing(
      'HOWDAH_PUBLIC_URL',
      `${IS_SET}, and the provider sends browsers back to an https URL`,
      'the URL of the console, such as https://agents.example.com; http is for loopback only',
    );
  }
}

/** Settings that have no effect beside, or without, another one. */
function checkEffects({ isSet }: Needs): void {
  if (isSet('HOWDAH_OIDC_TENANT') && isSet('HOWDAH_OIDC_TENANT_CLAIM')) {
    throw invalidVariable(
      'HOWDAH_OIDC_TENANT',
      'it has no effect, because HOWDAH_OIDC_TENANT_CLAIM is set: the ID token names the tenant',
      'Unset one of the two.',
    );
  }
  if (isSet('HOWDAH_OIDC_CLIENT_AUTH') && !isSet('HOWDAH_OIDC_CLIENT_SECRET')) {
    throw invalidVariable(
      'HOWDAH_OIDC_CLIENT_AUTH',
      'it has no effect, because HOWDAH_OIDC_CLIENT_SECRET is not set',
      'Set HOWDAH_OIDC_CLIENT_SECRET to the secret of the client, or unset HOWDAH_OIDC_CLIENT_AUTH.',
    );
  }
}

function missing(name: string, reason: string, fix: string) {
  return invalidVariable(
    name,
    `it is missing or not fit for this: ${reason}`,
    `Set ${name} to ${fix}.`,
  );
}
