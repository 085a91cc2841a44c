import type { RunError } from '../contracts/errors.ts';

/** A failure on the way out, as that of a model: there is no tool that failed. */
export function sendable(error: RunError): RunError {
  return error.code === 'tool_failed' ? { ...error, code: 'invalid_request' } : error;
}
