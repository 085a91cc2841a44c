import type { RunError } from '../contracts/errors.ts';

/** Converts a failure of an outgoing request into one of a model, since no tool has failed. */
export function sendable(error: RunError): RunError {
  return error.code === 'tool_failed' ? { ...error, code: 'invalid_request' } : error;
}
