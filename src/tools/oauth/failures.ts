import {
  InsecureTokenEndpointError,
  IssuerMismatchError,
  OAuthError,
  RegistrationRejectedError,
} from '@modelcontextprotocol/client';
import { HowdahError, type RunError } from '../../contracts/errors.ts';
import { isJsonObject } from '../../json/json.ts';
import { truncate } from '../../text/truncate.ts';

/** The codes by which a server says that the same request may succeed later. */
const TEMPORARY = new Set([
  'server_error',
  'temporarily_unavailable',
  'too_many_requests',
  'slow_down',
]);
const MAX_CODE = 60;

/** The kind of a refusal: by default nothing helps but a change, and the tokens are kept. */
type RefusalOptions = Partial<Pick<RunError, 'code' | 'retryable'>> & {
  /** True if only another consent of a person helps, so that the tokens are of no use. */
  isFinal?: boolean;
};

/** An error of our own rules, whose message names no secret. */
export class OAuthRefusal extends Error {
  readonly code: RunError['code'];
  readonly retryable: boolean;
  readonly isFinal: boolean;

  constructor(message: string, options: RefusalOptions = {}) {
    super(message);
    const { code = 'unauthorized', retryable = false, isFinal = false } = options;
    this.code = code;
    this.retryable = retryable;
    this.isFinal = isFinal;
  }
}

const CHANGE_NEEDED = { code: 'unauthorized', retryable: false } as const;
/** The kind of a failure that another attempt may end. */
export const MAY_SUCCEED_LATER = { code: 'unreachable', retryable: true } as const;

/**
 * Converts an error of the client. Texts of the server are left out but for its error code, because
 * a server may repeat what it was sent.
 */
export function oauthError(error: unknown, integration: string): RunError {
  const integrationError = (
    message: string,
    { code, retryable }: Pick<RunError, 'code' | 'retryable'> = CHANGE_NEEDED,
  ): RunError => ({ code, message: `integration ${integration}: ${message}`, retryable });
  if (error instanceof OAuthRefusal) return integrationError(error.message, error);
  if (error instanceof HowdahError) {
    return integrationError(`its sealed tokens or client cannot be read: ${error.message}`);
  }
  if (error instanceof IssuerMismatchError) {
    return integrationError(
      'the authorization server has another issuer than the one that was expected',
    );
  }
  if (error instanceof InsecureTokenEndpointError) {
    return integrationError('the token endpoint of the authorization server does not use https');
  }
  if (error instanceof RegistrationRejectedError) {
    return integrationError(
      `the authorization server registers no client (status ${error.status}): register one by hand and set client_id`,
    );
  }
  if (error instanceof OAuthError) {
    const kind = TEMPORARY.has(error.code) ? MAY_SUCCEED_LATER : CHANGE_NEEDED;
    return integrationError(`the authorization server answered ${errorCodeText(error.code)}`, kind);
  }
  const cause = error instanceof TypeError ? error.cause : undefined;
  if (isJsonObject(cause) && typeof cause.code === 'string') return cause as RunError; // the guard
  return {
    code: 'bad_answer',
    message: `integration ${integration}: the authorization server sent no valid answer`,
    retryable: true,
  };
}

/**
 * Returns whether the refresh token is of no use any more, so that a person has to consent again. A
 * fault of the client, such as a wrong secret, is not final: an admin ends it for all accounts.
 */
export function isFinal(error: unknown): boolean {
  return error instanceof OAuthRefusal
    ? error.isFinal
    : error instanceof OAuthError && error.code === 'invalid_grant';
}

/** Returns an error code of OAuth, which is one word. */
export function errorCodeText(code: string): string {
  return truncate(code.replaceAll(/[^A-Za-z0-9_.-]/g, '_'), MAX_CODE);
}
