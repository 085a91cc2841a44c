import { A2AError, TaskNotFoundError } from '@a2a-js/sdk/errors';
import type { Failure, RunError } from '../../contracts/errors.ts';
import { retryAfterMs } from '../../network/retry-after.ts';
import { codeOfStatus, createFailure } from '../../providers/failure.ts';
import { sentence } from '../../providers/http/redact.ts';
import { sendable } from '../sendable-error.ts';
import type { HttpFault } from './connection.ts';

/** The code of JSON-RPC for a failure inside the server, which may pass. */
const INTERNAL_ERROR = -32603;

/** A failed request: its last fault in HTTP, the host of the agent, and the key to redact. */
export type FailedRequest = { fault: HttpFault | undefined; host: string; key: string | null };

/**
 * Converts an error of the SDK. A rejected or broken request comes first, then the error of the
 * protocol, then the status. What remains is an answer that is not A2A.
 */
export function requestFailure(error: unknown, { fault, host, key }: FailedRequest): Failure {
  if (fault?.kind === 'rejected') return { ok: false, error: sendable(fault.error) };
  const rpcError = protocolError(error);
  const text = sentence(rpcError?.message ?? (error as Error).message, key);
  if (fault) {
    const code = codeOfStatus(fault.status);
    const reason = rpcError ? ` ${text}` : '';
    return createFailure(code, `${fault.host} answered with status ${fault.status}.${reason}`, {
      retry_after_ms: retryAfterMs(fault.headers),
      cause: { status: fault.status },
    });
  }
  if (rpcError) return createFailure(codeOf(rpcError), `${host} answered with an error: ${text}`);
  return createFailure('bad_answer', `The answer of ${host} is not A2A. ${text}`);
}

/** Returns the error of the protocol. The SDK wraps an error that comes in a stream. */
function protocolError(error: unknown): A2AError | undefined {
  const cause = error instanceof Error ? error.cause : undefined;
  return [error, cause].find((one) => one instanceof A2AError);
}

function codeOf(error: A2AError): RunError['code'] {
  if (error instanceof TaskNotFoundError) return 'not_found';
  const { envelopeCode } = error as { envelopeCode?: unknown };
  return envelopeCode === INTERNAL_ERROR ? 'overloaded' : 'invalid_request';
}

/** Returns whether a failed request may succeed soon. */
export function isTransientFailure(error: unknown, request: FailedRequest): boolean {
  return requestFailure(error, request).error.retryable;
}
