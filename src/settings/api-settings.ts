import { resolve } from 'node:path';
import { z } from 'zod';
import { isLoopback } from '../network/addresses.ts';
import { hostOf } from '../network/host-pattern.ts';
import { trimEnd } from '../text/trim-end.ts';
import { type OidcSettings, oidcSettings, oidcVariables } from './oidc-settings.ts';
import { commaList, invalidVariable, wholeNumber } from './parse-variables.ts';

/** The settings of the environment for the API: its address, its login and its limits. */
export type ApiSettings = Readonly<{
  /** 0 takes any free port. */
  port: number;
  host: string;
  /** The URL at which others reach this server, without a slash at its end. */
  publicUrl: string | undefined;
  auth: 'none' | 'required';
  /** The secret that signs tokens (HS256), at least 32 bytes. Must never be logged. */
  jwtSecret: string | undefined;
  /** The URL of the keys with which another party signs tokens (RS256, ES256). */
  jwksUrl: string | undefined;
  /** The login of the console at an OpenID provider. Contains a secret. */
  oidc: OidcSettings | undefined;
  /** Origins whose pages may call the API, besides its own. */
  corsOrigins: readonly string[];
  /** True if introspection of the schema is allowed and GraphiQL is available. */
  graphqlIntrospection: boolean;
  /** The absolute path of the allowed operations. If set, no other operations run. */
  graphqlOperations: string | undefined;
  /** Schemas of users that GraphQL shows besides `howdah`. */
  graphqlSchemas: readonly string[];
  /**
   * Maximum number of streams, sockets and waits of one tenant, and of one user, in one API
   * process.
   */
  tenantStreams: number;
  userStreams: number;
}>;

/**
 * The schema of the URL at which others reach a server: http or https, perhaps below a path. The
 * parsed URL has no slash at its end.
 */
const publicUrl = z
  .url({ protocol: /^https?$/ })
  .refine((text) => /^https?:\/\/[^@?#]+$/i.test(text))
  .transform((text) => trimEnd(text, '/'))
  .optional();

/** The variables with their fixes, in the form of the variables of the configuration. */
export const apiVariables = {
  PORT: [wholeNumber(0, 65_535).default(8000), 'a port number from 0 to 65535'],
  HOST: [
    z
      .string()
      .regex(/^[\w.:-]+$/)
      .default('127.0.0.1'),
    'an address or host name, such as 127.0.0.1',
  ],
  HOWDAH_PUBLIC_URL: [publicUrl, 'an http or https URL, such as https://agents.example.com'],
  HOWDAH_AUTH: [z.enum(['none', 'required']).optional(), 'none or required'],
  HOWDAH_JWT_SECRET: [
    z
      .string()
      .refine((secret) => Buffer.byteLength(secret) >= 32)
      .optional(),
    'at least 32 random bytes, such as the output of: openssl rand -base64 48',
  ],
  HOWDAH_JWKS_URL: [
    z.url({ protocol: /^https?$/ }).optional(),
    'an http or https URL, such as https://login.example.com/.well-known/jwks.json',
  ],
  ...oidcVariables,
  HOWDAH_CORS_ORIGINS: [
    commaList.pipe(z.array(z.string().refine(isOrigin))),
    'a comma-separated list of origins without a path, such as https://app.example.com,http://localhost:3000',
  ],
  HOWDAH_GRAPHQL_INTROSPECTION: [z.enum(['on', 'off']).optional(), 'on or off'],
  HOWDAH_GRAPHQL_OPERATIONS: [
    z.string().optional(),
    'a folder of .graphql files, or a JSON file of ids and documents',
  ],
  HOWDAH_GRAPHQL_SCHEMAS: [
    commaList.pipe(z.array(z.string().max(63))),
    'a comma-separated list of schemas of the database, such as shop,crm',
  ],
  HOWDAH_TENANT_STREAMS: [
    wholeNumber(1, 100_000).default(1_000),
    'a whole number from 1 to 100000',
  ],
  HOWDAH_USER_STREAMS: [wholeNumber(1, 100_000).default(100), 'a whole number from 1 to 100000'],
} as const satisfies Record<string, readonly [z.ZodType, string]>;

type Values = { [N in keyof typeof apiVariables]: z.infer<(typeof apiVariables)[N][0]> };

/**
 * Returns the settings of the API. Throws `HWINV` if others could reach an API without login. By
 * default a login is required, except on the embedded database of a server that only this machine
 * reaches and that has no OpenID provider.
 */
export function apiSettings(
  values: Values,
  { isEmbedded, isSet }: { isEmbedded: boolean; isSet(name: string): boolean },
): ApiSettings {
  const isOpen = isEmbedded && isOfThisMachine(values) && values.HOWDAH_OIDC_ISSUER === undefined;
  const auth = values.HOWDAH_AUTH ?? (isOpen ? 'none' : 'required');
  if (auth === 'none' && !isLoopback(values.HOST)) {
    throw invalidVariable(
      'HOWDAH_AUTH',
      `none is only allowed while HOST is a loopback address, and HOST is ${values.HOST}`,
      'Set HOWDAH_AUTH to required, or HOST to 127.0.0.1.',
    );
  }
  // A server that requires tokens serves others, who see nothing of the schema unless the
  // environment allows it.
  const introspection = values.HOWDAH_GRAPHQL_INTROSPECTION ?? (auth === 'none' ? 'on' : 'off');
  return {
    port: values.PORT,
    host: values.HOST,
    publicUrl: values.HOWDAH_PUBLIC_URL,
    auth,
    jwtSecret: values.HOWDAH_JWT_SECRET,
    jwksUrl: values.HOWDAH_JWKS_URL,
    oidc: oidcSettings(values, {
      publicUrl: values.HOWDAH_PUBLIC_URL,
      jwtSecret: values.HOWDAH_JWT_SECRET,
      auth,
      isSet,
    }),
    corsOrigins: Object.freeze(values.HOWDAH_CORS_ORIGINS),
    graphqlIntrospection: introspection === 'on',
    graphqlOperations:
      values.HOWDAH_GRAPHQL_OPERATIONS && resolve(values.HOWDAH_GRAPHQL_OPERATIONS),
    graphqlSchemas: Object.freeze(values.HOWDAH_GRAPHQL_SCHEMAS),
    tenantStreams: values.HOWDAH_TENANT_STREAMS,
    userStreams: values.HOWDAH_USER_STREAMS,
  };
}

/** Returns whether a server listens for this machine alone, and is not published under a name. */
function isOfThisMachine({ HOST, HOWDAH_PUBLIC_URL }: Values): boolean {
  const published = URL.parse(HOWDAH_PUBLIC_URL ?? '');
  return isLoopback(HOST) && (published === null || isLoopback(hostOf(published)));
}

/**
 * Returns whether a text is an origin as browsers write it: `https://host`, with a port unless it
 * is the default one.
 */
function isOrigin(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.origin === text;
}
