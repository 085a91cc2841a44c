import type { ToolSchema } from '../../contracts/agents/model.ts';
import type { LoggedMessage, Message } from '../../contracts/runs/message.ts';
import type { JsonObject } from '../../json/json.ts';
import { estimateTokens as textTokens } from '../../providers/tokens.ts';
import { largest, truncateMiddle } from '../../text/truncate-middle.ts';
import { groupsOf, isSummary, type MessageGroup } from './message-groups.ts';

export type FitOptions = {
  /** The model's window, null when unknown: then everything is sent until a provider refuses it. */
  contextTokens: number | null;
  /** Tokens kept for the answer: `answerReserve`. */
  reserve: number;
  /** What the tools' schemas take: `estimateTokens([], tools)`. */
  toolTokens: number;
  policy: 'trim' | 'summarize' | 'none';
  /** The estimate, tools included, of the last request that was refused as too long; the next is at most 70 % of it. */
  tooLongAt?: number;
};

/**
 * What to do with a conversation: send these messages, of which `left_out` are missing; or first have `messages`
 * summarized, and log the summary as one that covers `from_seq` to `to_seq`.
 */
export type Fitted =
  | { kind: 'send'; messages: LoggedMessage[]; left_out: number }
  | { kind: 'summarize'; from_seq: number; to_seq: number; messages: LoggedMessage[] };

/** What every message takes beside its text. */
const MESSAGE_TOKENS = 4;
/** An image, a file, a sound: what it really takes only its vendor knows, but not what its base64 takes. */
const PART_TOKENS = 1_000;
/** A provider's own count was above ours by an unknown amount. */
const AFTER_REFUSAL = 0.7;
const SUMMARIZE_ABOVE = 0.8;
const SUMMARIZE_TO = 0.4;
/** A summary never covers the last groups of the run: the model is in the middle of them. */
const NEWEST_GROUPS = 2;
/** A tool result is never cut below this. */
const RESULT_CHARACTERS = 200;

/** Tokens of a request as far as one can tell without its vendor: bytes / 4, and a fixed number for what is no text. */
export function estimateTokens(
  messages: readonly Message[],
  tools: readonly ToolSchema[] = [],
): number {
  const schemas = tools.length > 0 ? textTokens(JSON.stringify(tools)) : 0;
  return messages.reduce((sum, message) => sum + messageTokens(message), schemas);
}

function messageTokens({ role, content, parts, tool_calls }: Message): number {
  const calls = (tool_calls ?? []).map((call) => call.id + call.name + call.arguments).join('');
  const texts = (parts ?? []).flatMap(({ type, text }) =>
    type === 'text' && typeof text === 'string' && text !== content ? [text] : [],
  );
  // Only a user's images are sent.
  const others = role === 'user' ? (parts ?? []).filter(({ type }) => type !== 'text').length : 0;
  const text = (content ?? '') + texts.join('') + calls;
  return MESSAGE_TOKENS + textTokens(text) + others * PART_TOKENS;
}

/**
 * Tokens to keep for the answer: what the model's parameters allow it, else a quarter of the window, at most 4,096.
 * Never more than half: some models may answer as much as their whole window.
 */
export function answerReserve(parameters: JsonObject, contextTokens: number | null): number {
  const { max_completion_tokens, max_tokens } = parameters;
  const allowed = [max_completion_tokens, max_tokens].find((limit) => typeof limit === 'number');
  const window = contextTokens ?? Number.POSITIVE_INFINITY;
  return Math.floor(Math.min(allowed ?? Math.min(4_096, window / 4), window / 2));
}

/**
 * Makes a conversation (`conversation`) fit a model's window. Pure: the same messages and options give the same.
 *
 * `trim` keeps the system message, the run's task and the newest groups, and drops whole groups from the oldest on;
 * summaries go last. A note stands in their place. If the newest answer alone is too large its longest tool
 * results lose their middle. What even then is too long is sent all the same: the provider has the last word.
 */
export function fit(messages: readonly LoggedMessage[], options: FitOptions): Fitted {
  if (options.policy === 'none') {
    return { kind: 'send', messages: [...messages], left_out: 0 };
  }
  const room = roomFor(options);
  const groups = groupsOf(messages);
  const decision = options.policy === 'summarize' ? summarize(groups, room) : undefined;
  return decision ?? trim(groups, room);
}

/** What the messages alone may take. */
function roomFor({ contextTokens, reserve, toolTokens, tooLongAt }: FitOptions): number {
  const window = contextTokens === null ? Number.POSITIVE_INFINITY : contextTokens - reserve;
  const refused = (tooLongAt ?? Number.POSITIVE_INFINITY) * AFTER_REFUSAL;
  return Math.max(0, Math.min(window, refused) - toolTokens);
}

function tokensOf(groups: readonly MessageGroup[]): number {
  return groups.reduce((sum, group) => sum + estimateTokens(group), 0);
}

function trim(groups: readonly MessageGroup[], room: number): Fitted {
  const { early, late } = droppable(groups);
  const dropped = drop(groups, early, room);
  const first = sendable(groups, dropped, room);
  if (late.length === 0 || estimateTokens(first.messages) <= room) {
    return first;
  }
  return sendable(groups, drop(groups, [...early, ...late], room), room);
}

/** In the order of dropping. `late` goes only when not even shorter results help: what the newest answer began. */
function droppable(groups: readonly MessageGroup[]): Record<'early' | 'late', MessageGroup[]> {
  const body = bodyOf(groups);
  const task = taskOf(body);
  const answer = body.findLastIndex(([first]) => first.role === 'assistant');
  const lateAt = answer >= 0 ? answer : body.length - 1;
  const early = body.filter((group, at) => at < lateAt && group !== task);
  return {
    early: [
      ...early.filter(([first]) => !isSummary(first)),
      ...early.filter(([first]) => isSummary(first)),
    ],
    late: body.slice(0, -1).filter((group, at) => at >= lateAt && group !== task),
  };
}

/** All but the system messages at the beginning. */
function bodyOf(groups: readonly MessageGroup[]): readonly MessageGroup[] {
  const start = groups.findIndex(([first]) => first.role !== 'system');
  return start < 0 ? [] : groups.slice(start);
}

/** The first thing the run was told, or the summary that stands for it. */
function taskOf(body: readonly MessageGroup[]): MessageGroup | undefined {
  const said = body.filter(([first]) => first.role === 'user');
  return said.find((group) => !isHistory(group)) ?? said[0];
}

function isHistory([first]: MessageGroup): boolean {
  return (first.seq ?? first.covers_to_seq ?? 0) === 0;
}

/** As many of `order`, from its beginning, as it takes to fit. */
function drop(
  groups: readonly MessageGroup[],
  order: readonly MessageGroup[],
  room: number,
): Set<MessageGroup> {
  const dropped = new Set<MessageGroup>();
  let tokens = tokensOf(groups);
  let count = 0;
  for (const group of order) {
    if (tokens + (count > 0 ? estimateTokens([note(count)]) : 0) <= room) {
      break;
    }
    dropped.add(group);
    tokens -= estimateTokens(group);
    count += group.length;
  }
  return dropped;
}

/** What is left, with a note in the place of the first that is not; shorter results, then no note, if it must be. */
function sendable(
  groups: readonly MessageGroup[],
  dropped: ReadonlySet<MessageGroup>,
  room: number,
): Extract<Fitted, { kind: 'send' }> {
  const left_out = groups.reduce((sum, group) => sum + (dropped.has(group) ? group.length : 0), 0);
  const at = groups.findIndex((group) => dropped.has(group));
  const rest = (from: number, to?: number): LoggedMessage[] =>
    groups
      .slice(from, to)
      .filter((group) => !dropped.has(group))
      .flat();
  if (left_out > 0) {
    const noted = cutResults([...rest(0, at), note(left_out), ...rest(at)], room);
    if (estimateTokens(noted) <= room) {
      return { kind: 'send', messages: noted, left_out };
    }
  }
  return { kind: 'send', messages: cutResults(rest(0), room), left_out };
}

function note(count: number): Message {
  const what = count === 1 ? '1 earlier message is' : `${count} earlier messages are`;
  return {
    role: 'user',
    content: `[${what} left out here to fit the model's context window]`,
  };
}

/** Cuts the longest results, all to the same length, by no more than it takes. */
function cutResults(messages: LoggedMessage[], room: number): LoggedMessage[] {
  if (estimateTokens(messages) <= room) {
    return messages;
  }
  const cut = (limit: number): LoggedMessage[] =>
    messages.map((message) =>
      message.role === 'tool' && message.content
        ? { ...message, content: truncateMiddle(message.content, limit) }
        : message,
    );
  const longest = Math.max(
    RESULT_CHARACTERS,
    ...messages.map(({ content }) => content?.length ?? 0),
  );
  return cut(largest(RESULT_CHARACTERS, longest, (limit) => estimateTokens(cut(limit)) <= room));
}

/** The oldest groups, as many as it takes to be well below the window; undefined when none may be covered. */
function summarize(groups: readonly MessageGroup[], room: number): Fitted | undefined {
  let left = tokensOf(groups);
  if (left <= room * SUMMARIZE_ABOVE) {
    return undefined;
  }
  const body = bodyOf(groups);
  // The history has no numbers of its own: a summary covers all of it or nothing.
  const history = body.findIndex((group) => !isHistory(group));
  const most = body.length - Math.min(NEWEST_GROUPS, body.length - history);
  let count = 0;
  for (const group of body.slice(0, history < 0 ? 0 : most)) {
    if (count >= history && left <= room * SUMMARIZE_TO && isWorthIt(body.slice(0, count))) {
      break;
    }
    left -= estimateTokens(group);
    count += 1;
  }
  const covered = body.slice(0, count);
  const from_seq = history > 0 ? 0 : startOf(body[0]);
  const to_seq = startOf(body[count]) - 1;
  return isWorthIt(covered) && to_seq >= from_seq
    ? { kind: 'summarize', from_seq, to_seq, messages: covered.flat() }
    : undefined;
}

/** A summary of nothing but a summary wins nothing, and would be made again and again. */
function isWorthIt(groups: readonly MessageGroup[]): boolean {
  return groups.length > 1 || groups.some(([first]) => !isSummary(first));
}

function startOf(group: MessageGroup | undefined): number {
  return group?.[0].seq ?? group?.[0].covers_from_seq ?? 0;
}
