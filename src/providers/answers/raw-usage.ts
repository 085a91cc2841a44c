import type { LanguageModelV4Usage } from '@ai-sdk/provider';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { tokenCount } from './tokens.ts';
import { addUsage, type ReportedUsage, valueAt } from './usage.ts';

/** A count of a vendor with a format of its own: the sum of these fields of its usage. */
export type RawUsageField = { count: keyof ReportedUsage; fields: readonly string[] };

/** A format of usage, and where a chunk of a stream has it. The first place counts. */
export type RawUsageFormat = {
  vendors: string;
  /** The types of the chunks that have it; undefined for any. */
  types?: readonly string[];
  places: readonly string[];
  counts: readonly RawUsageField[];
};

/**
 * Where vendors with formats of their own write the usage of an answer before its end.
 * `docs/reference/providers.md` is generated from this table. Anthropic counts cached input apart
 * from other input, and Google counts reasoning apart from other output.
 */
export const RAW_USAGE_FORMATS: readonly RawUsageFormat[] = [
  {
    vendors: 'Anthropic',
    types: ['message_start', 'message_delta'],
    places: ['message.usage', 'usage'],
    counts: [
      {
        count: 'tokens_in',
        fields: ['input_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'],
      },
      { count: 'tokens_out', fields: ['output_tokens'] },
      { count: 'cached_tokens', fields: ['cache_read_input_tokens'] },
      { count: 'cache_write_tokens', fields: ['cache_creation_input_tokens'] },
    ],
  },
  {
    vendors: 'Google',
    places: ['usageMetadata'],
    counts: [
      { count: 'tokens_in', fields: ['promptTokenCount'] },
      { count: 'tokens_out', fields: ['candidatesTokenCount', 'thoughtsTokenCount'] },
      { count: 'cached_tokens', fields: ['cachedContentTokenCount'] },
      { count: 'reasoning_tokens', fields: ['thoughtsTokenCount'] },
    ],
  },
];

/**
 * Returns the usage with the counts of one chunk as the vendor sent it. The packages report usage
 * only with the end of an answer, so an answer that breaks off would cost nothing.
 */
export function addRawUsage(before: ReportedUsage, chunk: unknown): ReportedUsage {
  if (!isJsonObject(chunk)) return before;
  for (const { types, places, counts } of RAW_USAGE_FORMATS) {
    if (types && !types.includes(String(chunk.type))) continue;
    const usage = places.map((path) => valueAt(chunk, path)).find(isJsonObject);
    if (usage) return { ...before, ...countsIn(usage, counts) };
  }
  const { response } = chunk;
  return addUsage(before, isJsonObject(response) ? response : chunk);
}

function countsIn(usage: JsonObject, counts: readonly RawUsageField[]): Partial<ReportedUsage> {
  const found: Partial<ReportedUsage> = {};
  for (const { count, fields } of counts) {
    const known = fields.map((field) => tokenCount(usage[field])).filter((one) => one !== null);
    if (known.length > 0) found[count] = known.reduce((sum, one) => sum + one, 0);
  }
  return found;
}

/**
 * Returns the counts that a package reports with the end of a request, or undefined if it knows
 * none. The total is that of a vendor with OpenAI's format.
 */
export function reportedUsage({
  inputTokens,
  outputTokens,
  raw,
}: LanguageModelV4Usage): ReportedUsage | undefined {
  const tokens_in = tokenCount(inputTokens.total);
  const tokens_out = tokenCount(outputTokens.total);
  if (tokens_in === null && tokens_out === null) return undefined;
  return {
    tokens_in,
    tokens_out,
    cached_tokens: tokenCount(inputTokens.cacheRead),
    cache_write_tokens: tokenCount(inputTokens.cacheWrite),
    reasoning_tokens: tokenCount(outputTokens.reasoning),
    total_tokens: isJsonObject(raw) ? tokenCount(raw.total_tokens) : null,
  };
}
