import { randomUUID } from 'node:crypto';
import type {
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
  LanguageModelV4Usage,
} from '@ai-sdk/provider';
import type {
  FinishReason,
  ModelAnswer,
  ModelRequest,
  Usage,
} from '../../contracts/agents/model.ts';
import type { ReasoningPart, TextSpanPart, ToolCall } from '../../contracts/runs/message.ts';
import type { Json } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { storableJson } from '../../json/storable-json.ts';
import { estimateUsage, tokenCount } from '../tokens.ts';
import { mergeMetadata, metadataOf, type SdkPart, withNeededSpans } from './answer-parts.ts';
import { formatWarning } from './warnings.ts';

/** Most characters of an answer. A longer text does not come from a model. */
const MAX_TEXT = 4_000_000;
/** Most calls, and most pieces of reasoning and citations, of an answer. */
const MAX_PIECES = 10_000;

/** The part of an answer that has arrived so far. */
export type PartialAnswer = {
  vendor: string;
  content: string;
  length: number;
  calls: ToolCall[];
  parts: SdkPart[];
  /** Reasoning that has not ended, by the id of its block. */
  open: Map<string, ReasoningPart>;
  /** Pieces of the text, by the id of their block. */
  spans: Map<string, TextSpanPart>;
  warnings: string[];
  files: number;
  finish: LanguageModelV4FinishReason | null;
  usage: LanguageModelV4Usage | null;
};

/** Returns an answer of which nothing has arrived. */
export function emptyAnswer(vendor: string): PartialAnswer {
  return {
    vendor,
    content: '',
    length: 0,
    calls: [],
    parts: [],
    open: new Map(),
    spans: new Map(),
    warnings: [],
    files: 0,
    finish: null,
    usage: null,
  };
}

/** Adds one part of a stream. Returns the new text. Throws an error that the vendor reports. */
export function addPart(answer: PartialAnswer, part: LanguageModelV4StreamPart): string {
  switch (part.type) {
    case 'stream-start':
      answer.warnings.push(...part.warnings.map(formatWarning));
      return '';
    case 'text-start':
    case 'text-delta':
    case 'text-end':
      return addText(answer, part);
    case 'reasoning-start':
    case 'reasoning-delta':
    case 'reasoning-end':
      addReasoning(answer, part);
      return '';
    case 'tool-call':
      addCall(answer, part);
      return '';
    case 'tool-result':
      addResult(answer, part);
      return '';
    case 'source':
      addCitation(answer, part);
      return '';
    case 'file':
      answer.files += 1;
      return '';
    case 'finish':
      answer.finish = part.finishReason;
      answer.usage = part.usage;
      return '';
    case 'error':
      throw part.error;
    default:
      return '';
  }
}

/** Returns whether the answer is larger than any answer of a model. */
export function isTooLong({ length, calls, parts }: PartialAnswer): boolean {
  return length > MAX_TEXT || calls.length > MAX_PIECES || parts.length > MAX_PIECES;
}

type TextStreamPart = Extract<LanguageModelV4StreamPart, { type: `text-${string}`; id: string }>;

/** Adds a piece of text. Metadata may come with any piece, as for reasoning. */
function addText(answer: PartialAnswer, part: TextStreamPart): string {
  let span = answer.spans.get(part.id);
  if (span === undefined || part.type === 'text-start') {
    span = { type: 'text_span', vendor: answer.vendor, length: 0 };
    answer.spans.set(part.id, span);
    answer.parts.push(span);
  }
  if (part.providerMetadata) {
    span.provider_metadata = mergeMetadata(span.provider_metadata, part.providerMetadata);
  }
  if (part.type !== 'text-delta') return '';
  const text = part.delta.replaceAll('\u0000', '');
  span.length += text.length;
  answer.content += text;
  answer.length += text.length;
  return text;
}

type ReasoningStreamPart = Extract<
  LanguageModelV4StreamPart,
  { type: `reasoning-${string}`; id: string }
>;

/**
 * Adds a piece of reasoning. Metadata may come with any piece: the signature of Anthropic comes
 * with an empty one.
 */
function addReasoning(answer: PartialAnswer, part: ReasoningStreamPart): void {
  let block = answer.open.get(part.id);
  if (block === undefined || part.type === 'reasoning-start') {
    block = { type: 'reasoning', vendor: answer.vendor, text: '' };
    answer.open.set(part.id, block);
    answer.parts.push(block);
  }
  if (part.type === 'reasoning-delta') {
    block.text += part.delta.replaceAll('\u0000', '');
    answer.length += part.delta.length;
  }
  if (part.providerMetadata) {
    block.provider_metadata = mergeMetadata(block.provider_metadata, part.providerMetadata);
  }
}

/** Adds a call of a tool. A call that the vendor executes itself is a part of the message. */
function addCall(
  answer: PartialAnswer,
  part: Extract<LanguageModelV4StreamPart, { type: 'tool-call' }>,
): void {
  const text = part.input.trim() === '' ? '{}' : part.input.toWellFormed();
  answer.length += text.length;
  const { toolCallId: id, toolName: name } = part;
  const metadata = metadataOf(part.providerMetadata);
  if (part.providerExecuted) {
    const { vendor } = answer;
    answer.parts.push({ type: 'provider_tool_call', vendor, id, name, input: text, ...metadata });
  } else answer.calls.push({ id, name, arguments: text, ...metadata });
}

/** Adds the result of a tool that the vendor executed. A preliminary one is replaced later. */
function addResult(
  answer: PartialAnswer,
  part: Extract<LanguageModelV4StreamPart, { type: 'tool-result' }>,
): void {
  if (part.preliminary) return;
  const { length } = JSON.stringify(part.result);
  answer.length += length;
  if (length > MAX_TEXT) return; // the answer is refused
  answer.parts.push({
    type: 'provider_tool_result',
    vendor: answer.vendor,
    id: part.toolCallId,
    name: part.toolName,
    result: parseJson(storableJson(part.result)) as Json,
    ...(part.isError ? { is_error: true } : {}),
    ...metadataOf(part.providerMetadata),
  });
}

function addCitation(
  answer: PartialAnswer,
  part: Extract<LanguageModelV4StreamPart, { type: 'source' }>,
): void {
  answer.parts.push({
    type: 'citation',
    ...(part.sourceType === 'url' ? { url: part.url } : {}),
    ...(part.title ? { title: part.title } : {}),
    ...metadataOf(part.providerMetadata),
  });
}

const FINISH_REASONS: Partial<Record<LanguageModelV4FinishReason['unified'], FinishReason>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
};

/** Returns whether the vendor ended the text in its middle. */
export function isCutOff({ finish }: PartialAnswer): boolean {
  return finish?.unified !== 'stop' && finish?.unified !== 'tool-calls';
}

/**
 * Returns the answer, or null if it has not ended as answers end: the stream was cut off, or the
 * vendor reports an error.
 */
export function wholeAnswer(answer: PartialAnswer, request: ModelRequest): ModelAnswer | null {
  const reason = answer.finish && FINISH_REASONS[answer.finish.unified];
  if (!reason) return null;
  const tool_calls = uniqueCalls(answer, request, reason);
  const content = answer.content.toWellFormed();
  const whole = { content: content === '' && tool_calls.length > 0 ? null : content, tool_calls };
  const files = answer.files > 0 ? [`${answer.files} files of the answer were left out`] : [];
  const warnings = [...answer.warnings, ...files];
  const parts = withNeededSpans(answer.parts);
  return {
    ...whole,
    finish_reason: reason === 'stop' && tool_calls.length > 0 ? 'tool_calls' : reason,
    usage: usageOf(answer.usage, estimateUsage(request, whole)),
    ...(parts.length > 0 ? { parts } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

/** Leaves out a call that the token limit cut off, and replaces ids that are in use. */
function uniqueCalls(
  { calls }: PartialAnswer,
  { messages }: ModelRequest,
  reason: FinishReason,
): ToolCall[] {
  const taken = new Set(
    messages.flatMap(({ tool_calls }) => (tool_calls ?? []).map(({ id }) => id)),
  );
  return calls
    .filter(({ arguments: text }) => reason !== 'length' || isJson(text))
    .map((call) => {
      const id = call.id === '' || taken.has(call.id) ? `call_${randomUUID()}` : call.id;
      taken.add(id);
      return { ...call, id };
    });
}

function isJson(text: string): boolean {
  try {
    parseJson(text);
    return true;
  } catch {
    return false;
  }
}

/** Returns the usage. A vendor that sends none is counted by an estimate. */
function usageOf(usage: LanguageModelV4Usage | null, guess: Usage): Usage {
  const cached_tokens = tokenCount(usage?.inputTokens.cacheRead);
  const cache_write_tokens = tokenCount(usage?.inputTokens.cacheWrite);
  const reasoning_tokens = tokenCount(usage?.outputTokens.reasoning);
  return {
    tokens_in: tokenCount(usage?.inputTokens.total) ?? guess.tokens_in,
    tokens_out: tokenCount(usage?.outputTokens.total) ?? guess.tokens_out,
    ...(cached_tokens === null ? {} : { cached_tokens }),
    ...(cache_write_tokens === null ? {} : { cache_write_tokens }),
    ...(reasoning_tokens === null ? {} : { reasoning_tokens }),
  };
}
