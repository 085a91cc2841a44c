import type { LanguageModelV4FinishReason, LanguageModelV4StreamPart } from '@ai-sdk/provider';
import type { ModelAnswer, ModelRequest } from '../../contracts/agents/model.ts';
import type {
  Message,
  ReasoningPart,
  TextSpanPart,
  ToolCall,
} from '../../contracts/runs/message.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { storableJson } from '../../json/storable-json.ts';
import { endOfAnswer } from '../answers/answer-end.ts';
import { type AnswerEnd, meaningOfFinish } from '../answers/finish-reasons.ts';
import { addRawUsage, reportedUsage } from '../answers/raw-usage.ts';
import { ThinkTags } from '../answers/think-tags.ts';
import { estimateUsage } from '../answers/tokens.ts';
import { withUniqueIds } from '../answers/unique-ids.ts';
import { NO_USAGE, type ReportedUsage, sumOfUsage, usageOf } from '../answers/usage.ts';
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
  /** Names of calls whose arguments have not ended, by the id of the call. */
  openCalls: Map<string, string>;
  parts: SdkPart[];
  /** Reasoning that has not ended, by the id of its block. */
  open: Map<string, ReasoningPart>;
  /** Pieces of the text, by the id of their block. */
  spans: Map<string, TextSpanPart>;
  warnings: string[];
  files: number;
  finish: LanguageModelV4FinishReason | null;
  /** Separates reasoning that servers send at the head of the text. */
  thinkTags: ThinkTags;
  /** The sum over the requests of the answer: more than one if the vendor has paused. */
  usage: ReportedUsage;
  /** The usage of a request that has not ended. */
  usageSoFar: ReportedUsage;
};

/** Returns an answer of which nothing has arrived. */
export function emptyAnswer(vendor: string): PartialAnswer {
  return {
    vendor,
    content: '',
    length: 0,
    calls: [],
    openCalls: new Map(),
    parts: [],
    open: new Map(),
    spans: new Map(),
    warnings: [],
    files: 0,
    finish: null,
    thinkTags: new ThinkTags(),
    usage: NO_USAGE,
    usageSoFar: NO_USAGE,
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
    case 'tool-input-start':
      if (!part.providerExecuted) answer.openCalls.set(part.id, part.toolName);
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
      answer.usage = sumOfUsage(answer.usage, reportedUsage(part.usage) ?? answer.usageSoFar);
      answer.usageSoFar = NO_USAGE;
      return '';
    case 'raw':
      answer.usageSoFar = addRawUsage(answer.usageSoFar, part.rawValue);
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
  const delta = part.delta.replaceAll('\u0000', '');
  answer.length += delta.length;
  const text = answer.thinkTags.push(delta);
  span.length += text.length;
  answer.content += text;
  return text;
}

/** Ends the text. Returns the rest of it. */
export function endText(answer: PartialAnswer): string {
  const rest = answer.thinkTags.end();
  const span = [...answer.spans.values()].at(-1);
  if (span) span.length += rest.length;
  answer.content += rest;
  const { reasoning: text } = answer.thinkTags;
  if (text !== '') answer.parts.unshift({ type: 'reasoning', vendor: TAGGED, text });
  return rest;
}

/** The vendor of reasoning from the text. No vendor gets it back. */
const TAGGED = 'openai';

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
  answer.openCalls.delete(id);
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

const ENDS: Partial<Record<LanguageModelV4FinishReason['unified'], AnswerEnd>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  error: 'error',
};

/** Returns how the vendor ended the answer; undefined if it did not, or by an unknown reason. */
export function endOf({ finish }: PartialAnswer): AnswerEnd | undefined {
  if (finish === null) return undefined;
  return (finish.raw && meaningOfFinish(finish.raw)) || ENDS[finish.unified];
}

/** Returns whether the vendor ended the text in its middle. */
export function isCutOff(answer: PartialAnswer): boolean {
  const end = endOf(answer);
  return end !== 'stop' && end !== 'tool_calls';
}

/** Returns the answer so far as a message, with which a vendor that has paused continues. */
export function pausedMessage({ content, parts }: PartialAnswer): Message {
  return { role: 'assistant', content, parts: parts as unknown as JsonObject[] };
}

/**
 * Returns the answer, or null if it has not ended as answers end: the stream was cut off, or the
 * vendor reports an error. An answer that is still paused counts as cut off by a limit.
 */
export function wholeAnswer(answer: PartialAnswer, request: ModelRequest): ModelAnswer | null {
  const end = endOf(answer);
  if (end === undefined || end === 'error' || end === 'overloaded') return null;
  const calls = withUniqueIds(answer.calls, request);
  const content = answer.content.toWellFormed();
  const files = answer.files > 0 ? [`${answer.files} files of the answer were left out`] : [];
  const warnings = [...answer.warnings, ...files];
  const parts = withNeededSpans(answer.parts);
  return {
    ...endOfAnswer({
      content,
      refusal: '',
      calls,
      openCalls: [...answer.openCalls.values()],
      end: end === 'pause' ? 'length' : end,
    }),
    usage: usageOf(answer.usage, estimateUsage(request, { content, tool_calls: calls })),
    ...(parts.length > 0 ? { parts } : {}),
    ...(warnings.length > 0 ? { warnings } : {}),
  };
}

/** Returns what an answer that broke off has cost: the counts that arrived before. */
export function usageUntilNow({ usage, usageSoFar }: PartialAnswer): ReportedUsage {
  return sumOfUsage(usage, usageSoFar);
}
