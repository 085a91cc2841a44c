import type { ErrorCode, Failure, RunError } from '../contracts/errors.ts';
import type { Json } from '../json/json.ts';

const RETRYABLE: ReadonlySet<ErrorCode> = new Set([
  'rate_limited',
  'overloaded',
  'unreachable',
  'timeout',
  'bad_answer',
]);

/** Creates a failure as data. The code determines whether the failure is retryable. */
export function createFailure(
  code: ErrorCode,
  message: string,
  extra: { retry_after_ms?: number | undefined; cause?: Json | undefined } = {},
): Failure {
  const error: RunError = { code, message, retryable: RETRYABLE.has(code) };
  if (extra.retry_after_ms !== undefined) error.retry_after_ms = extra.retry_after_ms;
  if (extra.cause !== undefined) error.cause = extra.cause;
  return { ok: false, error };
}

/** Creates the failure of a call whose abort signal fired. */
export function createCancellation(): Failure {
  return createFailure('cancelled', 'The model call was cancelled.');
}

const CODES: Readonly<Record<number, ErrorCode>> = {
  401: 'unauthorized',
  402: 'quota_exhausted',
  403: 'unauthorized',
  404: 'not_found',
  408: 'timeout',
  409: 'overloaded',
  413: 'context_too_long',
  425: 'overloaded',
  429: 'rate_limited',
  // Groq has no capacity; Google or a proxy has cancelled the request
  498: 'overloaded',
  499: 'overloaded',
  504: 'timeout',
  // Cloudflare's codes for an origin server that is too slow
  522: 'timeout',
  524: 'timeout',
};

/** Maps an HTTP status of a model server to an error code. */
export function codeOfStatus(status: number): ErrorCode {
  return CODES[status] ?? (status >= 500 ? 'overloaded' : 'invalid_request');
}
