import type { LoggedMessage, Message, ToolCall } from '../contracts/message.ts';
import { isSummary } from './message-groups.ts';

/** How a warning of this guard begins, so that it is known again in the log. */
export const LOOP_WARNING = 'You are repeating yourself';

/** How the guard of structured output begins: no person said it either. */
export const REPAIR_OPENING = 'Your answer does not satisfy the required JSON Schema';

/** The times of a call, its first one counted, at which the model is told, and at which the run is stopped. */
const WARN_AT = 5;
const STOP_AT = 6;

/** `warn`: to be logged as a user message of the run. `stop`: the sentence the run fails with. */
export type LoopVerdict = { kind: 'ok' } | { kind: 'warn' | 'stop'; message: string };

/** What is known of the walk so far: a finished call is the same when name, arguments and result are. */
type Walk = {
  seen: Set<string>;
  /** The times of every call that came again since something new was learnt, with its first time. */
  times: Map<string, { name: string; count: number }>;
  isWarned: boolean;
};

/**
 * Whether a run goes round in circles: whether it makes calls again of which it knows the result. A result not seen
 * before is something new, and so is what a person says; both set every count back. So polling ends no run while
 * what it sees changes, and a cycle ends at the round at which its calls reach the limit. `from` is the index of the
 * first message that counts.
 */
export function loopVerdict(messages: readonly LoggedMessage[], from: number): LoopVerdict {
  if (isNews(messages, from)) {
    return { kind: 'ok' };
  }
  const { times, isWarned } = walk(messages, from);
  const most = Math.max(0, ...[...times.values()].map(({ count }) => count));
  if (most >= STOP_AT) {
    const message = `the run was stopped because it repeated itself: ${told(times)}, each time with the same arguments and the same result, and learnt nothing new. Say in the agent's instruction when to stop or what to do instead, or start the run again with a message that helps it on`;
    return { kind: 'stop', message };
  }
  if (most >= WARN_AT && !isWarned) {
    const message = `${LOOP_WARNING}: ${told(times)}, each time with the same arguments and the same result. The same call again will give nothing new. Use other arguments or another tool, or answer now with what you know and say what is missing. If you go on like this you will be stopped.`;
    return { kind: 'warn', message };
  }
  return { kind: 'ok' };
}

/**
 * The last thing that happened is a result not seen before: nothing that came earlier counts, so it need not be walked.
 * Says so only when all results before it are remembered.
 */
function isNews(messages: readonly LoggedMessage[], from: number): boolean {
  const last = messages.at(-1);
  const call = messages
    .findLast(({ role }) => role === 'assistant')
    ?.tool_calls?.find(({ id }) => id === last?.tool_call_id);
  if (last?.role !== 'tool' || !call) {
    return false;
  }
  const news = signatureOf(call, last);
  return messages.every((message, index) => {
    if (message.role !== 'tool' || message === last || index < from) {
      return true;
    }
    const signature = signatures.get(message);
    return signature !== undefined && signature !== news;
  });
}

function walk(messages: readonly LoggedMessage[], from: number): Walk {
  const open = new Map<string, ToolCall>();
  const state: Walk = { seen: new Set(), times: new Map(), isWarned: false };
  for (const [index, message] of messages.entries()) {
    for (const call of message.tool_calls ?? []) {
      open.set(call.id, call);
    }
    const call = message.role === 'tool' ? open.get(message.tool_call_id ?? '') : undefined;
    if (call) {
      open.delete(call.id);
    }
    if (index < from) {
      continue;
    }
    if (call) {
      count(state, call, message);
    } else if (message.role === 'user') {
      hear(state, message);
    }
  }
  return state;
}

function count(state: Walk, call: ToolCall, result: Message): void {
  const signature = signatureOf(call, result);
  if (!state.seen.has(signature)) {
    state.seen.add(signature);
    learn(state);
    return;
  }
  const before = state.times.get(signature)?.count ?? 1;
  state.times.set(signature, { name: call.name, count: before + 1 });
}

/** A result belongs to one call and never changes, and the walk comes by at every step. */
const signatures = new WeakMap<Message, string>();

function signatureOf(call: ToolCall, result: Message): string {
  const known = signatures.get(result);
  if (known !== undefined) {
    return known;
  }
  const signature = JSON.stringify([
    call.name,
    canonical(call.arguments),
    result.content ?? '',
    result.parts ?? [],
  ]);
  signatures.set(result, signature);
  return signature;
}

function hear(state: Walk, message: LoggedMessage): void {
  const text = message.content ?? '';
  if (text.startsWith(LOOP_WARNING)) {
    state.isWarned = true;
  } else if (!text.startsWith(REPAIR_OPENING) && !isSummary(message)) {
    learn(state);
  }
}

function learn(state: Walk): void {
  state.times.clear();
  state.isWarned = false;
}

/** Arguments as text that is the same whatever the order of keys and the white space; what is no JSON as it stands. */
function canonical(text: string): string {
  try {
    return JSON.stringify(inKeyOrder(JSON.parse(text.trim() === '' ? '{}' : text)));
  } catch {
    return text;
  }
}

function inKeyOrder(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map(inKeyOrder);
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  return Object.fromEntries(
    Object.entries(value)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, inner]) => [key, inKeyOrder(inner)]),
  );
}

/** "look was called 3 times and find 2 times". */
function told(times: Walk['times']): string {
  const most = new Map<string, number>();
  for (const { name, count } of times.values()) {
    most.set(name, Math.max(count, most.get(name) ?? 0));
  }
  const parts = [...most].map(([name, count], at) =>
    at === 0 ? `${name} was called ${count} times` : `${name} ${count} times`,
  );
  return new Intl.ListFormat('en').format(parts);
}
