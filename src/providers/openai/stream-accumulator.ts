import type { ModelAnswer, ModelRequest } from '../../contracts/agents/model.ts';
import type { CitationPart, ReasoningPart, ToolCall } from '../../contracts/runs/message.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { endOfAnswer } from '../answers/answer-end.ts';
import { meaningOfFinish } from '../answers/finish-reasons.ts';
import { splitUnopenedReasoning, ThinkTags } from '../answers/think-tags.ts';
import { estimateUsage } from '../answers/tokens.ts';
import { withUniqueIds } from '../answers/unique-ids.ts';
import { addUsage, NO_USAGE, type ReportedUsage, usageOf } from '../answers/usage.ts';
import { plainText } from './plain-text.ts';
import { type PartialCall, ToolCallPieces } from './tool-call-pieces.ts';

/** Most characters of an answer. A longer text does not come from a model. */
const MAX_TEXT = 4_000_000;

/** The part of an answer that has arrived so far. */
export type Fold = {
  /**
   * True once a message or a piece of a message has arrived. Other APIs send a finish_reason too.
   */
  chat: boolean;
  content: string;
  calls: ToolCallPieces;
  finish: string | null;
  /** Words with which the model refuses to answer. */
  refusal: string;
  /** Reasoning that servers send as text beside the answer. */
  reasoning: string;
  /** Separates reasoning that servers send at the head of the answer. */
  thinkTags: ThinkTags;
  /** Sources by their address, if the server has searched for the answer. */
  citations: Map<string, CitationPart>;
  usage: ReportedUsage;
};

export const emptyFold = (): Fold => ({
  chat: false,
  content: '',
  calls: new ToolCallPieces(),
  finish: null,
  refusal: '',
  reasoning: '',
  thinkTags: new ThinkTags(),
  citations: new Map(),
  usage: NO_USAGE,
});

/** Adds one chunk of a stream of any shape. Returns the new text. */
export function addChunk(fold: Fold, chunk: unknown): string {
  return add(fold, chunk, 'delta');
}

/** Adds a complete `chat.completion`, from a server that ignores `stream`. */
export function addWhole(fold: Fold, body: unknown): string {
  return add(fold, body, 'message');
}

/** Ends the text. Returns the rest of it. */
export function endText(fold: Fold): string {
  const rest = fold.thinkTags.end();
  fold.content += rest;
  const { reasoning, text } = splitUnopenedReasoning(fold.content);
  fold.reasoning += reasoning;
  fold.content = text;
  return rest;
}

/** Returns whether the text is longer than any answer of a model. */
export function isTooLong(fold: Fold): boolean {
  let length = fold.content.length + fold.refusal.length + fold.calls.length;
  length += fold.reasoning.length + fold.thinkTags.reasoning.length;
  for (const url of fold.citations.keys()) length += url.length;
  return length > MAX_TEXT;
}

/** Returns whether the server stopped in the middle of a text. */
export function isCutOff({ finish }: Fold): boolean {
  return finish === null || meaningOfFinish(finish) === 'length';
}

function add(fold: Fold, chunk: unknown, field: 'delta' | 'message'): string {
  if (!isJsonObject(chunk)) return '';
  fold.usage = addUsage(fold.usage, chunk);
  addCitations(fold, chunk.citations);
  const choices = Array.isArray(chunk.choices) ? chunk.choices.filter(isJsonObject) : [];
  const choice = choices.find((one) => (one.index ?? 0) === 0);
  if (choice === undefined) return '';
  if (typeof choice.finish_reason === 'string') fold.finish = choice.finish_reason;
  const piece = choice[field];
  if (!isJsonObject(piece)) return '';
  fold.chat = true;
  for (const call of Array.isArray(piece.tool_calls) ? piece.tool_calls : []) {
    if (field === 'delta') fold.calls.addPiece(call);
    else fold.calls.addCall(call);
  }
  addOldCall(fold, piece.function_call, field);
  addCitations(fold, piece.annotations);
  const { reasoning_content, reasoning, thinking } = piece;
  fold.reasoning += plainText(reasoning_content || reasoning || thinking);
  fold.refusal += plainText(piece.refusal);
  const text = fold.thinkTags.push(plainText(piece.content));
  fold.content += text;
  return text;
}

/** Adds the call of a server that knows only the form of 2023, with one call per answer. */
function addOldCall(fold: Fold, call: unknown, field: 'delta' | 'message'): void {
  if (!isJsonObject(call) || !(call.name || call.arguments)) return; // some servers send blanks
  if (field === 'delta') fold.calls.addPiece({ index: 0, function: call });
  else fold.calls.addCall({ function: call });
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
 * Returns the answer, or the reason why there is none: the server has sent no finish reason, gave
 * up, or called a tool without a name.
 */
export function foldedAnswer(fold: Fold, request: ModelRequest): ModelAnswer | 'overloaded' | null {
  if (fold.finish === null || !fold.chat) return null;
  const partialCalls = fold.calls.all();
  const end = meaningOfFinish(fold.finish) ?? endOfUnknown(partialCalls);
  if (end === 'overloaded') return end;
  if (end === 'error') return null;
  if (partialCalls.some(({ name }) => name === '') && end !== 'length') return null;
  const calls = withUniqueIds(callsOf(partialCalls), request);
  const reasoningText = fold.reasoning + fold.thinkTags.reasoning;
  const reasoning = reasoningText === '' ? [] : [reasoningPart(reasoningText)];
  const parts = [...reasoning, ...fold.citations.values()];
  const content = fold.content.toWellFormed();
  const usage = usageOf(fold.usage, estimateUsage(request, { content, tool_calls: calls }));
  return {
    ...endOfAnswer({ content, refusal: fold.refusal.toWellFormed(), calls, end }),
    usage,
    ...(parts.length === 0 ? {} : { parts }),
  };
}

/** An unknown reason may be a limit: a call without arguments may have lost them. */
function endOfUnknown(calls: readonly PartialCall[]): 'length' | undefined {
  return calls.some(({ text }) => text.trim() === '') ? 'length' : undefined;
}

/** Returns reasoning for the log. It is not sent back, since servers refuse or ignore it. */
function reasoningPart(text: string): ReasoningPart {
  return { type: 'reasoning', vendor: 'openai', text: text.toWellFormed() };
}

/** Returns the calls as they are logged. */
function callsOf(calls: readonly PartialCall[]): ToolCall[] {
  return calls.map(({ id, name, text }) => ({
    id,
    name,
    arguments: text.trim() === '' ? '{}' : text.toWellFormed(),
  }));
}
