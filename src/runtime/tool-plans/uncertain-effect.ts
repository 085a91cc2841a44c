import type { ToolDefinition } from '../../contracts/agents/definition.ts';
import type { ErrorCode, RunError } from '../../contracts/errors.ts';
import { isJsonObject } from '../../json/json.ts';

/** Nothing came back, or nothing that can be read. */
const UNSEEN: readonly ErrorCode[] = ['timeout', 'unreachable', 'bad_answer', 'cancelled'];
/** There was no connection, so nothing was sent. */
const NEVER_SENT = /^(ENOTFOUND|ENODATA|EAI_|ECONNREFUSED)/;

/**
 * Whether a failed call may have taken effect all the same. An error that a custom tool throws is its own word, but for
 * those that say nobody knows; a server that answers with a 5xx may have done its work before.
 */
export function mayHaveTakenEffect(tool: ToolDefinition, { code, cause }: RunError): boolean {
  const reason = isJsonObject(cause) ? String(cause.reason) : '';
  if (code === 'unreachable' && NEVER_SENT.test(reason)) {
    return false;
  }
  if (isJsonObject(cause) && typeof cause.sent === 'boolean') {
    return cause.sent; // sent, and what came back could not be taken; or nobody was there to send it to
  }
  return (
    UNSEEN.includes(code) || (code === 'overloaded' && ['builtin', 'http'].includes(tool.kind))
  );
}
