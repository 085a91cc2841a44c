import type { LoggedMessage, Message, ToolCall } from '../../contracts/runs/message.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { isSummary } from '../messages/message-groups.ts';
import { MessageMemo } from '../messages/message-memo.ts';

/** Opening words of a warning of this guard, by which the warning is recognized in the log. */
export const LOOP_WARNING = 'You are repeating yourself';

/**
 * Opening words of a message of the guard for structured output. Like `LOOP_WARNING`, it marks a
 * user message that no person wrote.
 */
export const REPAIR_OPENING = 'Your answer does not satisfy the required JSON Schema';

/**
 * Numbers of equal calls, including the first one, at which the model is warned and at which the
 * run is stopped.
 */
const WARN_AT = 5;
const STOP_AT = 6;

/**
 * Result of the check. The message of `warn` is logged as a user message of the run. The message of
 * `stop` is the error with which the run fails.
 */
export type LoopVerdict = { kind: 'ok' } | { kind: 'warn' | 'stop'; message: string };

/**
 * State of the scan so far. Two finished calls are equal when their name, arguments and result are
 * equal.
 */
type Walk = {
  /** The index of the first message that counts. */
  from: number;
  /** Calls without a result so far, by id. */
  open: Map<string, ToolCall>;
  /** Calls that returned a result, by the text of the result. */
  seen: Map<string, Set<string>>;
  /**
   * Number of times that each repeated call was made since the last new information, including the
   * first time.
   */
  times: Map<string, { name: string; count: number }>;
  isWarned: boolean;
};

/** Cache of the scans, because a run is checked before each of its steps. */
const walks = new MessageMemo<Walk>();

/**
 * Checks whether a run repeats itself: whether it repeats calls whose result it already knows. A
 * result that was not seen before is new information, and so is a message from a person. Both reset
 * all counts. Polling therefore ends no run while its results change, and a cycle ends in the round
 * in which its calls reach the limit. `from` is the index of the first message that counts.
 */
export function loopVerdict(messages: readonly LoggedMessage[], from: number): LoopVerdict {
  if (messages.length < WARN_AT) return { kind: 'ok' }; // scans of short runs are not cached
  const { times, isWarned } = walk(messages, from);
  const most = Math.max(0, ...[...times.values()].map(({ count }) => count));
  if (most >= STOP_AT) {
    const message = `the run was stopped because it repeated itself: ${describeCalls(times)}, each time with the same arguments and the same result. Add to the agent's instruction when to stop or what to do instead, or start the run again with a message that contains the missing information`;
    return { kind: 'stop', message };
  }
  if (most >= WARN_AT && !isWarned) {
    const message = `${LOOP_WARNING}: ${describeCalls(times)}, each time with the same arguments and the same result. The same call again will give nothing new. Use other arguments or another tool, or answer now with what you know and say what is missing. If you go on like this you will be stopped.`;
    return { kind: 'warn', message };
  }
  return { kind: 'ok' };
}

/** Continues the scan of the previous step. */
function walk(messages: readonly LoggedMessage[], from: number): Walk {
  const known = walks.find(messages);
  const isSame = known?.value.from === from;
  const state = isSame ? known.value : newWalk(from);
  for (let index = isSame ? known.length : 0; index < messages.length; index += 1) {
    read(state, messages[index] as LoggedMessage, index);
  }
  walks.keep(messages, state);
  return state;
}

function newWalk(from: number): Walk {
  return { from, open: new Map(), seen: new Map(), times: new Map(), isWarned: false };
}

function read(state: Walk, message: LoggedMessage, index: number): void {
  for (const call of message.tool_calls ?? []) {
    state.open.set(call.id, call);
  }
  const call = message.role === 'tool' ? state.open.get(message.tool_call_id ?? '') : undefined;
  if (call) {
    state.open.delete(call.id);
  }
  if (index < state.from) {
    return;
  }
  if (call) {
    count(state, call, message);
  } else if (message.role === 'user') {
    readUserMessage(state, message);
  }
}

function count(state: Walk, call: ToolCall, { content, parts }: Message): void {
  const text = content ?? '';
  const callText = JSON.stringify([call.name, canonicalArguments(call.arguments), parts ?? []]);
  const before = state.seen.get(text) ?? new Set();
  if (!before.has(callText)) {
    state.seen.set(text, before.add(callText));
    resetCounts(state);
    return;
  }
  const key = `${callText}\n${text}`;
  const times = state.times.get(key)?.count ?? 1;
  state.times.set(key, { name: call.name, count: times + 1 });
}

function readUserMessage(state: Walk, message: LoggedMessage): void {
  const text = message.content ?? '';
  if (text.startsWith(LOOP_WARNING)) {
    state.isWarned = true;
  } else if (!text.startsWith(REPAIR_OPENING) && !isSummary(message)) {
    resetCounts(state);
  }
}

function resetCounts(state: Walk): void {
  state.times.clear();
  state.isWarned = false;
}

/**
 * Returns arguments as text that does not depend on the order of keys or on white space. Text that
 * is not JSON is returned unchanged.
 */
function canonicalArguments(text: string): string {
  try {
    return canonicalJson(parseJson(text.trim() === '' ? '{}' : text));
  } catch {
    return text;
  }
}

/** Returns a description such as "look was called 3 times and find 2 times". */
function describeCalls(times: Walk['times']): string {
  const most = new Map<string, number>();
  for (const { name, count } of times.values()) {
    most.set(name, Math.max(count, most.get(name) ?? 0));
  }
  const parts = [...most].map(([name, count], at) =>
    at === 0 ? `${name} was called ${count} times` : `${name} ${count} times`,
  );
  return new Intl.ListFormat('en').format(parts);
}
