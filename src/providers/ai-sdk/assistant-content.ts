import type {
  JSONValue,
  LanguageModelV4Message,
  LanguageModelV4ToolCallPart,
  LanguageModelV4ToolResultPart,
  SharedV4ProviderOptions,
} from '@ai-sdk/provider';
import type {
  Message,
  ProviderToolCallPart,
  ProviderToolResultPart,
  ReasoningPart,
  TextSpanPart,
} from '../../contracts/runs/message.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';

// The vendor that wrote an answer gets it back unchanged: reasoning, text and the tools that the
// vendor ran, in their order. Another vendor gets only the text.

type Content = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'];
type OwnPart = ReasoningPart | ProviderToolCallPart | ProviderToolResultPart | TextSpanPart;

const OWN_TYPES: ReadonlySet<unknown> = new Set<OwnPart['type']>([
  'reasoning',
  'provider_tool_call',
  'provider_tool_result',
  'text_span',
]);

/**
 * Returns the text of an answer and the parts for its vendor, without the calls of tools. An answer
 * that is not complete keeps calls of the vendor's tools that have no result yet.
 */
export function answerContent(
  { content, parts }: Pick<Message, 'content' | 'parts'>,
  vendor: string,
  isComplete: boolean,
): Content {
  const own = (parts ?? []).filter(
    (part) => OWN_TYPES.has(part.type) && part.vendor === vendor,
  ) as unknown as OwnPart[];
  const text = content ?? '';
  const isDivided = lengthOfSpans(own) === text.length;
  const paired = pairedIds(own);
  let at = 0;
  const converted = own.flatMap((part): Content => {
    if (part.type === 'reasoning') {
      return [{ type: 'reasoning', text: part.text, ...optionsOf(part.provider_metadata) }];
    }
    if (part.type !== 'text_span') {
      return isComplete && !paired.has(part.id) ? [] : [providerToolPart(part)];
    }
    const piece = text.slice(at, at + part.length);
    at += part.length;
    return isDivided ? textOf(piece, part.provider_metadata) : [];
  });
  return isDivided && at > 0 ? converted : [...converted, ...textOf(text)];
}

/**
 * Returns the length of all spans. It differs from the length of the text if an output filter has
 * changed the text. The spans are then unknown.
 */
function lengthOfSpans(parts: readonly OwnPart[]): number {
  return parts.reduce((sum, part) => sum + (part.type === 'text_span' ? part.length : 0), 0);
}

/** Returns the ids of calls with a result. Vendors refuse one without the other. */
function pairedIds(parts: readonly OwnPart[]): Set<string> {
  const idsOf = (type: OwnPart['type']) =>
    new Set(parts.flatMap((part) => (part.type === type && 'id' in part ? [part.id] : [])));
  const answered = idsOf('provider_tool_result');
  return new Set([...idsOf('provider_tool_call')].filter((id) => answered.has(id)));
}

/** Returns a part with the text. Omits blank text: vendors reject it unless it has their data. */
function textOf(text: string, metadata?: JsonObject): Content {
  if (text.trim() === '' && metadata === undefined) return [];
  return [{ type: 'text', text, ...optionsOf(metadata) }];
}

function providerToolPart(
  part: ProviderToolCallPart | ProviderToolResultPart,
): LanguageModelV4ToolCallPart | LanguageModelV4ToolResultPart {
  const { id: toolCallId, name: toolName } = part;
  const options = optionsOf(part.provider_metadata);
  if (part.type === 'provider_tool_call') {
    const input = callInputOf(part.input);
    return { type: 'tool-call', toolCallId, toolName, input, providerExecuted: true, ...options };
  }
  const type = part.is_error ? 'error-json' : 'json';
  const output = { type, value: part.result as JSONValue } as const; // written by JSON.stringify
  return { type: 'tool-result', toolCallId, toolName, output, ...options };
}

/** Returns the data that a vendor gets back unchanged, such as signatures. */
export function optionsOf(metadata: JsonObject | undefined): {
  providerOptions?: SharedV4ProviderOptions;
} {
  return metadata ? { providerOptions: metadata as SharedV4ProviderOptions } : {};
}

/** Returns the arguments of a call as an object, since vendors accept nothing else. */
export function callInputOf(text: string): JsonObject {
  try {
    const value: Json = parseJson(text || '{}');
    return isJsonObject(value) ? value : { value };
  } catch {
    return { invalid_json: text };
  }
}
