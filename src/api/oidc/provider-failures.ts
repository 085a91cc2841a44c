import { AuthorizationResponseError, ResponseBodyError } from 'openid-client';
import { HowdahError } from '../../contracts/errors.ts';

/** The codes of openid-client for a provider that gives no usable answer now. */
const UNREACHABLE = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_PARSE_ERROR',
]);
const AGAIN = 'Sign in again.';

/** Facts about a failure for the log: codes alone, no answer of the provider and no token. */
export type FailureFacts = Record<'reason' | 'error' | 'status' | 'cause', string | undefined>;

/** Returns the codes of a failure. */
export function factsOfFailure(error: unknown): FailureFacts {
  const { name, code, status, cause } = (error ?? {}) as Record<string, unknown>;
  const inner = (cause ?? {}) as Record<string, unknown>;
  return {
    reason: String(code ?? name),
    error: oauthErrorOf(error),
    status: textOf(String(status ?? inner.status ?? '')) || undefined,
    cause: textOf(inner.code) ?? textOf(inner.claim),
  };
}

/** Explains a failure at the provider to the person who signs in. */
export function explainFailure(error: unknown, host: string): HowdahError {
  const code = (error as { code?: unknown } | undefined)?.code;
  const name = oauthErrorOf(error);
  if (error instanceof AuthorizationResponseError) return refusedByProvider(host, name);
  if (isOfClient(error, name)) {
    return new HowdahError('HWCNF', `${host} does not accept the client of this server`, {
      hint: 'The operator checks HOWDAH_OIDC_CLIENT_ID and HOWDAH_OIDC_CLIENT_SECRET.',
    });
  }
  if (name === 'invalid_grant') {
    return new HowdahError('HWDEN', `${host} does not accept the code of this login`, {
      hint: `The code was used before or has expired. ${AGAIN}`,
    });
  }
  if (isUnreachable(error, code)) {
    return new HowdahError('EUNREACHABLE', `${host} cannot be reached now, or fails`, {
      hint: 'Try again in a moment. If it lasts, the operator checks HOWDAH_OIDC_ISSUER and the log.',
      cause: error,
    });
  }
  return ofWrongAnswer(host, code);
}

function ofWrongAnswer(host: string, code: unknown): HowdahError {
  if (code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED') {
    return new HowdahError('HWDEN', `the ID token of ${host} is not valid at this time`, {
      hint: `${AGAIN} If it fails again, the operator sets the clocks: they may differ by 30 seconds.`,
    });
  }
  if (code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED') {
    return new HowdahError('HWCNF', `${host} names itself by another URL than this server does`, {
      hint: 'The operator sets HOWDAH_OIDC_ISSUER to the issuer in /.well-known/openid-configuration of the provider.',
    });
  }
  return new HowdahError('HWDEN', `the answer of ${host} does not prove who you are`, {
    hint: `${AGAIN} If it fails again, the log of the server says which check failed.`,
  });
}

function refusedByProvider(host: string, name = 'error'): HowdahError {
  if (name === 'access_denied') {
    return new HowdahError('HWDEN', `${host} did not let you sign in (access_denied)`, {
      hint: `Allow the login there, or use another account. Who may sign in is decided at ${host}.`,
    });
  }
  if (name === 'server_error' || name === 'temporarily_unavailable') {
    return new HowdahError('EUNREACHABLE', `${host} fails now (${name})`, {
      hint: 'Try again in a moment.',
    });
  }
  return new HowdahError('HWCNF', `${host} refused the login (${name})`, {
    hint: 'The operator checks the client at the provider: its redirect URI is HOWDAH_PUBLIC_URL with /login/callback, its scopes are HOWDAH_OIDC_SCOPES.',
  });
}

function isOfClient(error: unknown, name: string | undefined): boolean {
  const { status } = (error ?? {}) as { status?: unknown };
  return name === 'invalid_client' || name === 'unauthorized_client' || status === 401;
}

function isUnreachable(error: unknown, code: unknown): boolean {
  if (error instanceof ResponseBodyError) return error.status >= 500;
  return error instanceof TypeError || UNREACHABLE.has(String(code));
}

/** Returns the error code of OAuth in an answer. Anything else may be a text of an attacker. */
function oauthErrorOf(error: unknown): string | undefined {
  const name = textOf((error as { error?: unknown } | undefined)?.error);
  return name !== undefined && /^[a-z_]{1,40}$/.test(name) ? name : undefined;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
