import type { LoggedMessage } from '../../contracts/runs/message.ts';
import { markExternal } from '../../text/untrusted-text.ts';

/** A message of the log never changes, and every request says all that were before it. */
const known = new WeakMap<LoggedMessage, LoggedMessage>();

/** A message as models are sent it: what a tool brought from outside is marked as data. What the log keeps is not. */
export function markUntrusted(logged: LoggedMessage): LoggedMessage {
  if (!logged.trust) {
    return logged;
  }
  const before = known.get(logged);
  if (before) {
    return before;
  }
  const { trust, ...message } = logged;
  const told =
    trust === 'external' && message.role === 'tool' && message.content !== null
      ? { ...message, content: markExternal(message.content, message.tool_call_id ?? '') }
      : message;
  known.set(logged, told);
  return told;
}
