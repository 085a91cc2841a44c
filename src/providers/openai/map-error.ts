import type { JsonObject } from '../../json/json.ts';
import { firstCharacters } from '../../text/truncate.ts';
import { createFailure, type Failed } from '../failure.ts';
import { httpFailure, type Peer, reportedFailure } from '../http/failures.ts';
import { redact } from '../http/redact.ts';
import type { Sdk } from './sdk.ts';

/**
 * Converts any error to a failure. An error that the client did not create comes from reading a
 * body, so the answer is broken.
 */
export function mapError(
  error: unknown,
  peer: Peer,
  { APIConnectionError, APIConnectionTimeoutError, APIError }: Sdk,
): Failed {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof APIConnectionTimeoutError) {
    return createFailure(
      'timeout',
      `${peer.host} could not be reached in time.`,
      causeOf(error, peer),
    );
  }
  if (error instanceof APIConnectionError) {
    const cause = causeOf(error, peer);
    return createFailure(
      'unreachable',
      `${peer.host} cannot be reached${reason(cause)}; is it up?`,
      cause,
    );
  }
  if (error instanceof APIError) {
    const { status, headers, error: body } = error;
    if (status === undefined) return reportedFailure(body, text, peer);
    return httpFailure({ status, headers, body, text: text.replace(/^\d+ /, '') }, peer);
  }
  const cause = causeOf(error, peer);
  return createFailure('bad_answer', `The answer of ${peer.host} broke off or is not JSON.`, cause);
}

function reason({ cause }: { cause: JsonObject }): string {
  return typeof cause.code === 'string' ? ` (${cause.code})` : '';
}

/** Returns the innermost code (`ECONNREFUSED`) and message of an error, without the key. */
function causeOf(error: unknown, peer: Peer): { cause: JsonObject } {
  let seen: unknown = error;
  for (let depth = 0; seen instanceof Error && seen.cause && depth < 5; depth++) seen = seen.cause;
  const text = seen instanceof Error ? seen.message : String(seen);
  const message = firstCharacters(redact(text, peer.key), 400);
  const code = seen instanceof Error && 'code' in seen ? seen.code : undefined;
  return { cause: { message, ...(typeof code === 'string' ? { code } : {}) } };
}
