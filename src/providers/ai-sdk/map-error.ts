import type { APICallError } from '@ai-sdk/provider';
import type { Failure } from '../../contracts/errors.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { createFailure } from '../failure.ts';
import {
  brokenAnswer,
  guardFailure,
  httpFailure,
  innermostCause,
  type Peer,
  reportedFailure,
  unreachableServer,
} from '../http/failures.ts';

/**
 * Converts any error of a package of the AI SDK to a failure. The error itself is never logged,
 * because it contains the whole prompt.
 */
export function mapSdkError(error: unknown, peer: Peer): Failure {
  const guarded = guardFailure(error, peer);
  if (guarded !== undefined) return guarded;
  if (isApiCallError(error)) return mapCallError(error, peer);
  if (isVendorError(error)) return mapVendorError(error, peer);
  if (isUsageError(error)) {
    const cause = innermostCause(error, peer);
    const message = `${peer.host} cannot be sent this request: ${cause.message}.`;
    return createFailure('invalid_request', message, { cause });
  }
  return brokenAnswer(error, peer);
}

/** Tells the error by its name, since another package may have its own copy of the class. */
function isApiCallError(error: unknown): error is APICallError {
  return error instanceof Error && error.name === 'AI_APICallError';
}

function mapCallError(error: APICallError, peer: Peer): Failure {
  const { statusCode: status, responseBody: text = '', responseHeaders } = error;
  if (status === undefined) return unreachableServer(error, peer);
  if (status < 300) return brokenAnswer(error, peer);
  const body = jsonOf(text) ?? (isJsonObject(error.data as Json) ? error.data : undefined);
  const headers = new Headers(responseHeaders);
  return httpFailure({ status, headers, body, text: text || error.message }, peer);
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** An error that a vendor reports inside of a stream, with the status that it stands for. */
type VendorError = { message: string; type?: string; statusCode?: number };

function isVendorError(error: unknown): error is VendorError {
  return !(error instanceof Error) && typeof (error as VendorError | null)?.message === 'string';
}

function mapVendorError({ message, type, statusCode }: VendorError, peer: Peer): Failure {
  const body = { error: { message, ...(type ? { type } : {}) } };
  if (statusCode !== undefined && statusCode >= 400) {
    return httpFailure({ status: statusCode, headers: undefined, body, text: message }, peer);
  }
  return reportedFailure(body, message, peer);
}

/** Returns whether a package refuses the request itself: before sending it, and each time. */
function isUsageError(error: unknown): boolean {
  return (
    error instanceof Error &&
    [
      'AI_UnsupportedFunctionalityError',
      'AI_InvalidPromptError',
      'AI_InvalidArgumentError',
    ].includes(error.name)
  );
}
