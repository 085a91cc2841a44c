import {
  InsufficientScopeError,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  SdkHttpError,
} from '@modelcontextprotocol/client';
import type { ToolOutcome } from '../../contracts/agents/tool.ts';
import type { RunError } from '../../contracts/errors.ts';
import { isJsonObject } from '../../json/json.ts';

/**
 * Converts an error of the client to the error of a call. `cause.sent` is false if the server
 * cannot have started the call.
 */
export function mcpError(error: unknown, server: string): RunError {
  if (error instanceof SdkHttpError) {
    return statusError(error.status, server);
  }
  if (error instanceof InsufficientScopeError) {
    return statusError(403, server);
  }
  if (error instanceof SdkError && error.code === SdkErrorCode.ConnectionClosed) {
    return lostConnection(server, `${server} closed its connection before it answered`);
  }
  if (error instanceof SdkError && error.code === SdkErrorCode.RequestTimeout) {
    return { ...lostConnection(server, `${server} did not answer in time`), code: 'timeout' };
  }
  if (error instanceof ProtocolError) {
    const message = error.message.replace(/^(MCP error -?\d+: )+/, '');
    return { code: 'tool_failed', message: `${server}: ${message}`, retryable: false };
  }
  if (error instanceof SdkError && error.code === SdkErrorCode.InvalidResult) {
    const message = `${server} sent an answer that is not valid MCP`;
    return { code: 'bad_answer', message, retryable: true, cause: { server } };
  }
  return (
    egressError(error) ?? lostConnection(server, `${server} did not answer: ${messageOf(error)}`)
  );
}

/** Creates the error of a lost connection. The calls under way are lost too. */
export function lostConnection(server: string, message: string): RunError {
  return { code: 'unreachable', message, retryable: true, cause: { server } };
}

/** Marks an error of a call that was not sent, because there is no connection. */
export function markUnsent(server: string, error: RunError): RunError {
  const cause = isJsonObject(error.cause) ? error.cause : {};
  return { ...error, cause: { ...cause, server, sent: false } };
}

/**
 * Returns whether the server has forgotten the session. Such a server answers 404 before it reads
 * the call.
 */
export function isSessionForgotten(error: unknown): boolean {
  return error instanceof SdkHttpError && error.status === 404;
}

function statusError(status: number, server: string): RunError {
  const message = `${server} answered with status ${status}`;
  const cause = { server, status };
  if (status === 401 || status === 403) {
    return { code: 'unauthorized', message, retryable: false, cause };
  }
  if (status === 404) {
    return markUnsent(server, { code: 'unreachable', message, retryable: true, cause });
  }
  if (status === 429) {
    return { code: 'rate_limited', message, retryable: true, cause };
  }
  return status >= 400 && status < 500
    ? { code: 'tool_failed', message, retryable: false, cause }
    : { code: 'unreachable', message, retryable: true, cause };
}

/** Returns the error of the egress guard, if the error contains one. */
function egressError(error: unknown): RunError | undefined {
  const cause = error instanceof TypeError ? error.cause : undefined;
  return isJsonObject(cause) && typeof cause.code === 'string' ? (cause as RunError) : undefined;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Returns the message for a tool whose current description differs from the accepted description.
 */
export function digestMismatch(server: string, name: string, digest: string | undefined): string {
  return digest === undefined
    ? `${server} no longer offers ${name}`
    : `the definition of ${name} at ${server} differs from the accepted one: an admin must accept it again (howdah.accept_mcp_tool)`;
}

export function rejectCall(message: string): ToolOutcome {
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}
