import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ErrorCode, RunError } from '../../contracts/errors.ts';
import { isJsonObject } from '../../json/json.ts';

/** Error codes of calls without an answer, or with an answer that cannot be read. */
const UNSEEN: readonly ErrorCode[] = ['timeout', 'unreachable', 'bad_answer', 'cancelled'];
/** Reasons that mean that there was no connection, so nothing was sent. */
const NEVER_SENT = /^(ENOTFOUND|ENODATA|EAI_|ECONNREFUSED)/;

/**
 * Returns true when a failed call may have taken effect nevertheless. An error that a custom tool
 * throws is believed, except for the codes that mean that nobody knows. A server that answers with
 * a 5xx may have done its work before.
 */
export function mayHaveTakenEffect(tool: ToolDefinition, { code, cause }: RunError): boolean {
  const reason = isJsonObject(cause) ? String(cause.reason) : '';
  if (code === 'unreachable' && NEVER_SENT.test(reason)) {
    return false;
  }
  if (isJsonObject(cause) && typeof cause.sent === 'boolean') {
    // true: sent, but the answer could not be accepted; false: there was nobody to send it to
    return cause.sent;
  }
  return (
    UNSEEN.includes(code) || (code === 'overloaded' && ['builtin', 'http'].includes(tool.kind))
  );
}
