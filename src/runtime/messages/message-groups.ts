import type { LoggedMessage } from '../../contracts/runs/message.ts';

/** The beginning of every summary that is sent to a model. */
export const SUMMARY_OPENING = 'Summary of the conversation so far:\n';

/**
 * Messages that must stay together: an assistant message with the results of all its calls, or any
 * other message alone.
 */
export type MessageGroup = readonly [LoggedMessage, ...LoggedMessage[]];

/**
 * The result that a model receives for a call without a logged one, because providers reject a call
 * that is left open.
 */
export const NO_RESULT =
  'There is no result of this call: the run was cut off before one was recorded. It may or may not have taken effect.';

/** The text that a model receives for an answer with nothing in it. Vendors refuse an empty one. */
export const NO_ANSWER = '(no answer)';

export function isSummary(message: LoggedMessage): boolean {
  return typeof message.covers_from_seq === 'number' && typeof message.covers_to_seq === 'number';
}

type Slots = { message: LoggedMessage; results: (LoggedMessage | undefined)[] };

/**
 * Groups messages. Results are logged as they arrive, with other messages between them. Here each
 * result follows the answer that requested it, in the order of the calls. Messages in between
 * follow the results. A call without a result gets `NO_RESULT`, and a result without a call is left
 * out. An answer with nothing in it gets `NO_ANSWER`.
 */
export function groupsOf(messages: readonly LoggedMessage[]): MessageGroup[] {
  const groups: Slots[] = [];
  // Earlier turns may have used the same ids: a result belongs to the last answer that did.
  const groupByCall = new Map<string, Slots>();
  for (const message of messages) {
    if (message.role === 'tool') {
      takeResult(groupByCall.get(message.tool_call_id ?? ''), message);
      continue;
    }
    const calls = callsOf(message);
    const group: Slots = { message: withText(message), results: calls.map(() => undefined) };
    groups.push(group);
    for (const { id } of calls) {
      groupByCall.set(id, group);
    }
  }
  return groups.map(completeGroup);
}

function withText(message: LoggedMessage): LoggedMessage {
  const { role, content, parts } = message;
  const isEmpty = !content?.trim() && callsOf(message).length === 0;
  const isOnlyThought = (parts ?? []).every(({ type }) => type === 'reasoning');
  return role === 'assistant' && isEmpty && isOnlyThought
    ? { ...message, content: NO_ANSWER }
    : message;
}

function takeResult(group: Slots | undefined, result: LoggedMessage): void {
  if (!group) return;
  const place = callsOf(group.message).findIndex(
    ({ id }, at) => id === result.tool_call_id && group.results[at] === undefined,
  );
  if (place >= 0) group.results[place] = result;
}

function completeGroup({ message, results }: Slots): MessageGroup {
  const calls = callsOf(message);
  return [
    message,
    ...calls.map(
      ({ id }, place): LoggedMessage =>
        results[place] ?? { role: 'tool', content: NO_RESULT, tool_call_id: id },
    ),
  ];
}

function callsOf(message: LoggedMessage) {
  return message.role === 'assistant' ? (message.tool_calls ?? []) : [];
}
