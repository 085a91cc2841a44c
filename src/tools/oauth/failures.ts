import {
  InsecureTokenEndpointError,
  IssuerMismatchError,
  OAuthError,
  RegistrationRejectedError,
} from '@modelcontextprotocol/client';
import type { RunError } from '../../contracts/errors.ts';
import { isJsonObject } from '../../json/json.ts';
import { truncate } from '../../text/truncate.ts';

/** The codes by which a server says that a refresh token or a client is no longer valid. */
const FINAL = new Set(['invalid_grant', 'invalid_client', 'unauthorized_client', 'invalid_scope']);
const MAX_CODE = 60;

/** An error of our own rules, whose message names no secret. */
export class OAuthRefusal extends Error {}

/**
 * Converts an error of the client. Texts of the server are left out but for its error code, because
 * a server may repeat what it was sent.
 */
export function oauthError(error: unknown, integration: string): RunError {
  const failed = (message: string): RunError => ({
    code: 'unauthorized',
    message: `integration ${integration}: ${message}`,
    retryable: false,
  });
  if (error instanceof OAuthRefusal) return failed(error.message);
  if (error instanceof IssuerMismatchError) {
    return failed('the authorization server has another issuer than the one that was expected');
  }
  if (error instanceof InsecureTokenEndpointError) {
    return failed('the token endpoint of the authorization server does not use https');
  }
  if (error instanceof RegistrationRejectedError) {
    return failed(
      `the authorization server registers no client (status ${error.status}): register one by hand and set client_id`,
    );
  }
  if (error instanceof OAuthError) {
    return failed(`the authorization server answered ${errorCodeText(error.code)}`);
  }
  const cause = error instanceof TypeError ? error.cause : undefined;
  if (isJsonObject(cause) && typeof cause.code === 'string') return cause as RunError; // the guard
  return {
    code: 'bad_answer',
    message: `integration ${integration}: the authorization server sent no valid answer`,
    retryable: true,
  };
}

/** Returns whether a refresh would fail again, so that a person has to consent again. */
export function isFinal(error: unknown): boolean {
  return (
    error instanceof OAuthRefusal ||
    error instanceof IssuerMismatchError ||
    (error instanceof OAuthError && FINAL.has(error.code))
  );
}

/** Returns an error code of OAuth, which is one word. */
export function errorCodeText(code: string): string {
  return truncate(code.replaceAll(/[^A-Za-z0-9_.-]/g, '_'), MAX_CODE);
}
