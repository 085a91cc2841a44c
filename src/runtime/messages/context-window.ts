import type { ToolSchema } from '../../contracts/agents/model.ts';
import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import type { LoggedMessage, Message } from '../../contracts/runs/message.ts';
import type { JsonObject } from '../../json/json.ts';
import { estimateTokens as textTokens } from '../../providers/answers/tokens.ts';
import { largest, truncateMiddle } from '../../text/truncate-middle.ts';
import { groupsOf, isSummary, type MessageGroup } from './message-groups.ts';

export type FitOptions = {
  /**
   * The context window of the model; null if unknown. Everything is then sent until a provider
   * rejects it.
   */
  contextTokens: number | null;
  /** Tokens reserved for the answer: `answerReserve`. */
  reserve: number;
  /** Tokens of the tools' schemas: `estimateRequestTokens([], tools)`. */
  toolTokens: number;
  policy: EnumLabel<'context_policy'>;
  /**
   * The estimate, tools included, of the last request that was rejected as too long. The next
   * request has at most 70 % of it.
   */
  tooLongAt?: number;
};

/**
 * The decision about a conversation.
 * - `send`: send these messages, of which `left_out` are missing
 * - `summarize`: first have `messages` summarized, and log the summary as one that covers
 *   `from_seq` to `to_seq`
 */
export type Fitted =
  | { kind: 'send'; messages: LoggedMessage[]; left_out: number }
  | { kind: 'summarize'; from_seq: number; to_seq: number; messages: LoggedMessage[] };

/** Tokens of a message besides its text. */
const MESSAGE_TOKENS = 4;
/**
 * Tokens of an image, a file or audio. Only the vendor knows the real number, but it is not that of
 * the base64.
 */
const PART_TOKENS = 1_000;
/**
 * The share of a rejected request that may be sent next. The provider's own count was above the
 * estimate by an unknown amount.
 */
const AFTER_REFUSAL = 0.7;
const SUMMARIZE_ABOVE = 0.8;
const SUMMARIZE_TO = 0.4;
/**
 * The number of last groups of a run that a summary never covers, because the model is in the
 * middle of them.
 */
const NEWEST_GROUPS = 2;
/** The least length of a truncated tool result, in characters. */
const RESULT_CHARACTERS = 200;

/**
 * Estimates the tokens of a request without its vendor: bytes / 4, and a fixed number for each part
 * that is no text.
 */
export function estimateRequestTokens(
  messages: readonly Message[],
  tools: readonly ToolSchema[] = [],
): number {
  const schemas = tools.length > 0 ? textTokens(JSON.stringify(tools)) : 0;
  return messages.reduce((sum, message) => sum + messageTokens(message), schemas);
}

function messageTokens({ role, content, parts, tool_calls }: Message): number {
  const calls = (tool_calls ?? []).map((call) => call.id + call.name + call.arguments).join('');
  const texts = (parts ?? []).flatMap(({ type, text, input, result }) => {
    if (type === 'provider_tool_call' || type === 'provider_tool_result') {
      return [JSON.stringify(input ?? result ?? null)];
    }
    const isText = type === 'text' || type === 'reasoning';
    return isText && typeof text === 'string' && text !== content ? [text] : [];
  });
  // Only images of users are sent.
  const others = role === 'user' ? (parts ?? []).filter(({ type }) => type !== 'text').length : 0;
  const text = (content ?? '') + texts.join('') + calls;
  return MESSAGE_TOKENS + textTokens(text) + others * PART_TOKENS;
}

/**
 * Returns the tokens to reserve for the answer: the limit of the model's parameters, or a quarter
 * of the window, at most 4,096. Never returns more than half of the window, because some models may
 * answer as much as their whole window.
 */
export function answerReserve(parameters: JsonObject, contextTokens: number | null): number {
  const { max_completion_tokens, max_tokens, max_output_tokens } = parameters;
  const allowed = [max_completion_tokens, max_tokens, max_output_tokens].find(
    (limit) => typeof limit === 'number',
  );
  const window = contextTokens ?? Number.POSITIVE_INFINITY;
  return Math.floor(Math.min(allowed ?? Math.min(4_096, window / 4), window / 2));
}

/**
 * Makes a conversation fit a model's window. Pure: the same messages and options give the same
 * result.
 *
 * `trim` keeps the system message, the run's task and the newest groups. It drops whole groups, the
 * oldest first and summaries last, and puts a remark in their place. If the newest answer alone is
 * too large, its longest tool results are truncated in the middle. What is still too long is sent
 * all the same, because the provider has the last word.
 */
export function fitWindow(messages: readonly LoggedMessage[], options: FitOptions): Fitted {
  if (options.policy === 'none') {
    return { kind: 'send', messages: [...messages], left_out: 0 };
  }
  const room = roomFor(options);
  const groups = groupsOf(messages);
  const decision = options.policy === 'summarize' ? selectForSummary(groups, room) : undefined;
  return decision ?? trim(groups, room);
}

/** Returns the tokens that the messages alone may take. */
function roomFor({ contextTokens, reserve, toolTokens, tooLongAt }: FitOptions): number {
  const window = contextTokens === null ? Number.POSITIVE_INFINITY : contextTokens - reserve;
  const refused = (tooLongAt ?? Number.POSITIVE_INFINITY) * AFTER_REFUSAL;
  return Math.max(0, Math.min(window, refused) - toolTokens);
}

function tokensOf(groups: readonly MessageGroup[]): number {
  return groups.reduce((sum, group) => sum + estimateRequestTokens(group), 0);
}

function trim(groups: readonly MessageGroup[], room: number): Fitted {
  const { early, late } = droppable(groups);
  const dropped = drop(groups, early, room);
  const first = sendable(groups, dropped, room);
  if (late.length === 0 || estimateRequestTokens(first.messages) <= room) {
    return first;
  }
  return sendable(groups, drop(groups, [...early, ...late], room), room);
}

/**
 * Returns the groups that may be dropped, in the order of dropping. `late` groups start with the
 * newest answer, and are dropped only if shorter results do not help.
 */
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

/** Returns all groups but the system messages at the beginning. */
function bodyOf(groups: readonly MessageGroup[]): readonly MessageGroup[] {
  const start = groups.findIndex(([first]) => first.role !== 'system');
  return start < 0 ? [] : groups.slice(start);
}

/** Returns the first message to the run, or the summary that covers it. */
function taskOf(body: readonly MessageGroup[]): MessageGroup | undefined {
  const userGroups = body.filter(([first]) => first.role === 'user');
  return userGroups.find((group) => !isHistory(group)) ?? userGroups[0];
}

function isHistory([first]: MessageGroup): boolean {
  return (first.seq ?? first.covers_to_seq ?? 0) === 0;
}

/** Returns the groups to drop: as many from the beginning of `order` as it takes to fit. */
function drop(
  groups: readonly MessageGroup[],
  order: readonly MessageGroup[],
  room: number,
): Set<MessageGroup> {
  const dropped = new Set<MessageGroup>();
  let tokens = tokensOf(groups);
  let count = 0;
  for (const group of order) {
    if (tokens + (count > 0 ? estimateRequestTokens([omissionRemark(count)]) : 0) <= room) {
      break;
    }
    dropped.add(group);
    tokens -= estimateRequestTokens(group);
    count += group.length;
  }
  return dropped;
}

/**
 * Returns the remaining messages, with a remark in the place of the first dropped one. If they do
 * not fit, results are truncated, and then the remark is omitted.
 */
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
    const withRemark = cutResults([...rest(0, at), omissionRemark(left_out), ...rest(at)], room);
    if (estimateRequestTokens(withRemark) <= room) {
      return { kind: 'send', messages: withRemark, left_out };
    }
  }
  return { kind: 'send', messages: cutResults(rest(0), room), left_out };
}

/** Returns the message that says how many earlier messages are left out. */
function omissionRemark(count: number): Message {
  const what = count === 1 ? '1 earlier message is' : `${count} earlier messages are`;
  return {
    role: 'user',
    content: `[${what} left out here to fit the model's context window]`,
  };
}

/** Truncates the longest results to the same length, by no more than it takes. */
function cutResults(messages: LoggedMessage[], room: number): LoggedMessage[] {
  if (estimateRequestTokens(messages) <= room) {
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
  return cut(
    largest(RESULT_CHARACTERS, longest, (limit) => estimateRequestTokens(cut(limit)) <= room),
  );
}

/**
 * Selects the oldest groups for a summary, as many as it takes to be well below the window. Returns
 * undefined if there is room, or if no group may be covered.
 */
function selectForSummary(groups: readonly MessageGroup[], room: number): Fitted | undefined {
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
    left -= estimateRequestTokens(group);
    count += 1;
  }
  const covered = body.slice(0, count);
  const from_seq = history > 0 ? 0 : startOf(body[0]);
  const to_seq = startOf(body[count]) - 1;
  return isWorthIt(covered) && to_seq >= from_seq
    ? { kind: 'summarize', from_seq, to_seq, messages: covered.flat() }
    : undefined;
}

/**
 * Returns whether a summary of these groups is of use. A summary of nothing but a summary gains
 * nothing, and would be made again and again.
 */
function isWorthIt(groups: readonly MessageGroup[]): boolean {
  return groups.length > 1 || groups.some(([first]) => !isSummary(first));
}

function startOf(group: MessageGroup | undefined): number {
  return group?.[0].seq ?? group?.[0].covers_from_seq ?? 0;
}
