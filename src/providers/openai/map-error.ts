import type { Failure } from '../../contracts/errors.ts';
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
import type { Sdk } from './sdk.ts';

/**
 * Converts any error to a failure. An error that the client did not create comes from reading a
 * body, so the answer is broken.
 */
export function mapError(
  error: unknown,
  peer: Peer,
  { APIConnectionError, APIConnectionTimeoutError, APIError }: Sdk,
): Failure {
  const guarded = guardFailure(error, peer);
  if (guarded !== undefined) return guarded;
  if (error instanceof APIConnectionTimeoutError) {
    const cause = innermostCause(error, peer);
    return createFailure('timeout', `${peer.host} could not be reached in time.`, { cause });
  }
  if (error instanceof APIConnectionError) return unreachableServer(error, peer);
  if (error instanceof APIError) {
    const { status, headers, error: body, message: text } = error;
    if (status === undefined) return reportedFailure(body, text, peer);
    return httpFailure({ status, headers, body, text: text.replace(/^\d+ /, '') }, peer);
  }
  return brokenAnswer(error, peer);
}
