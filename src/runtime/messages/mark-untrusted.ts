import type { LoggedMessage } from '../../contracts/runs/message.ts';
import { markExternal } from '../../text/untrusted-text.ts';

/**
 * Messages as sent, by logged message. A message of the log never changes, and every request
 * repeats all messages before it.
 */
const known = new WeakMap<LoggedMessage, LoggedMessage>();

/**
 * Returns a message as it is sent to models. A tool result from outside is marked as data. The log
 * stores it without marks.
 */
export function markUntrusted(logged: LoggedMessage): LoggedMessage {
  if (!logged.trust) {
    return logged;
  }
  const before = known.get(logged);
  if (before) {
    return before;
  }
  const { trust, ...message } = logged;
  const markedMessage =
    trust === 'external' && message.role === 'tool' && message.content !== null
      ? { ...message, content: markExternal(message.content, message.tool_call_id ?? '') }
      : message;
  known.set(logged, markedMessage);
  return markedMessage;
}
