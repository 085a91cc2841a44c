import { randomUUID } from 'node:crypto';
import type { FinishReason, ModelAnswer, ModelRequest } from '../../contracts/agents/model.ts';
import type { CitationPart, ReasoningPart, ToolCall } from '../../contracts/runs/message.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { estimateUsage, tokenCount } from '../tokens.ts';

/** Most characters of an answer. A longer text does not come from a model. */
const MAX_TEXT = 4_000_000;

type HalfCall = { id: string; name: string; text: string };

/** The part of an answer that has arrived so far. */
export type Fold = {
  /**
   * True once a message or a piece of a message has arrived. Other APIs send a finish_reason too.
   */
  chat: boolean;
  content: string;
  calls: Map<string, HalfCall>;
  finish: string | null;
  /** Reasoning that servers send as text beside the answer. */
  reasoning: string;
  /** Sources by their address, if the server has searched for the answer. */
  citations: Map<string, CitationPart>;
  tokens_in: number | null;
  tokens_out: number | null;
  cached_tokens: number | null;
  reasoning_tokens: number | null;
};

export const emptyFold = (): Fold => ({
  chat: false,
  content: '',
  calls: new Map(),
  finish: null,
  reasoning: '',
  citations: new Map(),
  tokens_in: null,
  tokens_out: null,
  cached_tokens: null,
  reasoning_tokens: null,
});

/** Adds one chunk of a stream of any shape. Returns the new text. */
export function addChunk(fold: Fold, chunk: unknown): string {
  return add(fold, chunk, 'delta');
}

/** Adds a complete `chat.completion`, from a server that ignores `stream`. */
export function addWhole(fold: Fold, body: unknown): string {
  return add(fold, body, 'message');
}

/** Returns whether the text is longer than any answer of a model. */
export function isTooLong(fold: Fold): boolean {
  let length = fold.content.length + fold.reasoning.length;
  for (const call of fold.calls.values()) length += call.text.length;
  for (const url of fold.citations.keys()) length += url.length;
  return length > MAX_TEXT;
}

/** Returns whether the server stopped in the middle of a text. */
export function isCutOff({ finish }: Fold): boolean {
  return finish === null || finishReason(finish, false) === 'length';
}

function add(fold: Fold, chunk: unknown, field: 'delta' | 'message'): string {
  if (!isJsonObject(chunk)) return '';
  addUsage(fold, chunk.usage);
  addCitations(fold, chunk.citations);
  const choices = Array.isArray(chunk.choices) ? chunk.choices.filter(isJsonObject) : [];
  const choice = choices.find((one) => (one.index ?? 0) === 0);
  if (choice === undefined) return '';
  if (typeof choice.finish_reason === 'string') fold.finish = choice.finish_reason;
  const piece = choice[field];
  if (!isJsonObject(piece)) return '';
  fold.chat = true;
  if (Array.isArray(piece.tool_calls)) {
    for (const [at, call] of piece.tool_calls.entries()) addCall(fold, call, at, field);
  }
  addCitations(fold, piece.annotations);
  fold.reasoning += plainText(piece.reasoning_content ?? piece.reasoning);
  const text = plainText(piece.content) + plainText(piece.refusal);
  fold.content += text;
  return text;
}

function addUsage(fold: Fold, usage: unknown): void {
  if (!isJsonObject(usage)) return;
  fold.tokens_in = tokenCount(usage.prompt_tokens) ?? fold.tokens_in;
  fold.tokens_out = tokenCount(usage.completion_tokens) ?? fold.tokens_out;
  const { prompt_tokens_details: input, completion_tokens_details: output } = usage;
  if (isJsonObject(input)) fold.cached_tokens = tokenCount(input.cached_tokens);
  if (isJsonObject(output)) fold.reasoning_tokens = tokenCount(output.reasoning_tokens);
}

/**
 * Adds the sources of an answer: annotations of its message (OpenAI, OpenRouter), or addresses
 * beside the message (Perplexity).
 */
function addCitations(fold: Fold, sources: unknown): void {
  if (!Array.isArray(sources)) return;
  for (const source of sources) {
    const { url_citation } = isJsonObject(source) ? source : {};
    const cited: JsonObject = isJsonObject(url_citation) ? url_citation : { url: source };
    const url = plainText(cited.url).toWellFormed();
    if (url === '' || fold.citations.has(url)) continue;
    const title = plainText(cited.title).toWellFormed();
    fold.citations.set(url, { type: 'citation', url, ...(title && { title }) });
  }
}

/**
 * Returns the text of content. Content is a string or a list of parts. Only the text of parts
 * belongs to the answer, because Mistral sends its thinking too.
 */
function plainText(content: unknown): string {
  if (Array.isArray(content)) {
    return content.map((part) => (isJsonObject(part) ? plainText(part.text) : '')).join('');
  }
  // Postgres cannot store U+0000 in a text
  return typeof content === 'string' ? content.replaceAll('\u0000', '') : '';
}

/**
 * Adds a piece of a call. The pieces of a call share an `index`. Some servers omit the index or
 * send index 0 for every parallel call. There, a new id together with a name begins a new call.
 */
function addCall(fold: Fold, piece: unknown, at: number, field: 'delta' | 'message'): void {
  if (!isJsonObject(piece)) return;
  const fn = isJsonObject(piece.function) ? piece.function : {};
  const id = plainText(piece.id);
  const name = plainText(fn.name);
  const last = [...fold.calls.keys()].at(-1);
  const indexed = typeof piece.index === 'number' ? String(piece.index) : null;
  let key =
    field === 'message'
      ? String(at)
      : (indexed ?? (name ? `new ${fold.calls.size}` : (last ?? '0')));
  const known = fold.calls.get(key);
  if (known?.id && id && known.id !== id && name) key = `${key} ${id}`;
  else if (indexed !== null && !name && last?.startsWith(`${key} `)) key = last;
  const call = fold.calls.get(key) ?? { id: '', name: '', text: '' };
  call.id ||= id;
  call.name = name || call.name;
  call.text += isJsonObject(fn.arguments) ? JSON.stringify(fn.arguments) : plainText(fn.arguments);
  fold.calls.set(key, call);
}

/**
 * Returns the answer, or null while the server has not sent a finish reason. An incomplete call is
 * never returned.
 */
export function foldedAnswer(fold: Fold, request: ModelRequest): ModelAnswer | null {
  if (fold.finish === null || !fold.chat) return null;
  const tool_calls = toolCalls(fold, request);
  if (tool_calls === null) return null;
  const content = fold.content.toWellFormed();
  const answer = { content: content === '' && tool_calls.length > 0 ? null : content, tool_calls };
  const guess = estimateUsage(request, answer);
  const reasoning = fold.reasoning === '' ? [] : [reasoningPart(fold.reasoning)];
  const parts = [...reasoning, ...fold.citations.values()];
  return {
    ...answer,
    finish_reason: finishReason(fold.finish, tool_calls.length > 0),
    usage: {
      tokens_in: fold.tokens_in ?? guess.tokens_in,
      tokens_out: fold.tokens_out ?? guess.tokens_out,
      ...(fold.cached_tokens === null ? {} : { cached_tokens: fold.cached_tokens }),
      ...(fold.reasoning_tokens === null ? {} : { reasoning_tokens: fold.reasoning_tokens }),
    },
    ...(parts.length === 0 ? {} : { parts }),
  };
}

/** Returns reasoning for the log. It is not sent back, since servers refuse or ignore it. */
function reasoningPart(text: string): ReasoningPart {
  return { type: 'reasoning', vendor: 'openai', text: text.toWellFormed() };
}

function finishReason(reason: string, calls: boolean): FinishReason {
  if (reason === 'length' || reason === 'max_tokens') return 'length';
  if (reason === 'content_filter') return 'content_filter';
  return calls ? 'tool_calls' : 'stop';
}

/**
 * Returns the complete calls, or null when a call has no name. A call that the token limit
 * truncated is left out.
 */
function toolCalls(fold: Fold, request: ModelRequest): ToolCall[] | null {
  const taken = new Set(
    request.messages.flatMap((message) => (message.tool_calls ?? []).map((call) => call.id)),
  );
  const calls: ToolCall[] = [];
  for (const half of fold.calls.values()) {
    if (half.name === '') return null;
    const text = half.text.trim() === '' ? '{}' : half.text.toWellFormed();
    if (fold.finish !== 'tool_calls' && fold.finish !== 'stop' && !isJson(text)) continue;
    const id = half.id === '' || taken.has(half.id) ? `call_${randomUUID()}` : half.id;
    taken.add(id);
    calls.push({ id, name: half.name, arguments: text });
  }
  return calls;
}

function isJson(text: string): boolean {
  try {
    parseJson(text);
    return true;
  } catch {
    return false;
  }
}
