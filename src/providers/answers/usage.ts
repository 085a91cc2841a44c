import type { Usage } from '../../contracts/agents/usage.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { tokenCount } from './tokens.ts';

/** The counts that a vendor has reported so far; null for those that it has not. */
export type ReportedUsage = {
  tokens_in: number | null;
  tokens_out: number | null;
  cached_tokens: number | null;
  cache_write_tokens: number | null;
  reasoning_tokens: number | null;
  total_tokens: number | null;
};

/** The usage of an answer for which nothing was reported. */
export const NO_USAGE: ReportedUsage = {
  tokens_in: null,
  tokens_out: null,
  cached_tokens: null,
  cache_write_tokens: null,
  reasoning_tokens: null,
  total_tokens: null,
};

/** A count by its places in the usage of vendors. The first place with a count is taken. */
export type UsageField = { count: keyof ReportedUsage; path: string; vendors: string };

/**
 * Where vendors with OpenAI's format write their counts. `docs/reference/providers.md` is generated
 * from this table.
 */
export const USAGE_FIELDS: readonly UsageField[] = [
  { count: 'tokens_in', path: 'prompt_tokens', vendors: 'all' },
  { count: 'tokens_in', path: 'input_tokens', vendors: 'gateways with the names of Anthropic' },
  { count: 'tokens_out', path: 'completion_tokens', vendors: 'all' },
  { count: 'tokens_out', path: 'output_tokens', vendors: 'gateways with the names of Anthropic' },
  { count: 'total_tokens', path: 'total_tokens', vendors: 'all' },
  {
    count: 'cached_tokens',
    path: 'prompt_tokens_details.cached_tokens',
    vendors: 'OpenAI, xAI, OpenRouter',
  },
  {
    count: 'cached_tokens',
    path: 'input_tokens_details.cached_tokens',
    vendors: 'OpenAI (names of responses)',
  },
  { count: 'cached_tokens', path: 'prompt_cache_hit_tokens', vendors: 'DeepSeek' },
  { count: 'cached_tokens', path: 'cached_tokens', vendors: 'Moonshot' },
  { count: 'cached_tokens', path: 'cache_read_input_tokens', vendors: 'gateways to Anthropic' },
  {
    count: 'cache_write_tokens',
    path: 'prompt_tokens_details.cache_write_tokens',
    vendors: 'OpenRouter',
  },
  {
    count: 'cache_write_tokens',
    path: 'prompt_tokens_details.cache_creation_tokens',
    vendors: 'LiteLLM',
  },
  {
    count: 'cache_write_tokens',
    path: 'cache_creation_input_tokens',
    vendors: 'gateways to Anthropic',
  },
  {
    count: 'reasoning_tokens',
    path: 'completion_tokens_details.reasoning_tokens',
    vendors: 'OpenAI, xAI, DeepSeek',
  },
  {
    count: 'reasoning_tokens',
    path: 'output_tokens_details.reasoning_tokens',
    vendors: 'OpenAI (names of responses)',
  },
  { count: 'reasoning_tokens', path: 'reasoning_tokens', vendors: 'Perplexity' },
];

/** Where a chunk of a stream has its usage: Moonshot writes it into the choice, Groq beside it. */
export const USAGE_PLACES: readonly { path: string; vendors: string }[] = [
  { path: 'usage', vendors: 'all' },
  { path: 'x_groq.usage', vendors: 'Groq without stream_options' },
  { path: 'choices[0].usage', vendors: 'Moonshot' },
];

/** Returns the usage with the counts of one chunk. A later count replaces an earlier one. */
export function addUsage(before: ReportedUsage, chunk: JsonObject): ReportedUsage {
  const [choice] = Array.isArray(chunk.choices) ? chunk.choices : [];
  const places = [valueAt(choice, 'usage'), valueAt(chunk, 'x_groq.usage'), chunk.usage].filter(
    isJsonObject,
  );
  return places.reduce<ReportedUsage>((usage, place) => withCounts(usage, place), before);
}

function withCounts(before: ReportedUsage, usage: JsonObject): ReportedUsage {
  const found: Partial<ReportedUsage> = {};
  for (const { count, path } of USAGE_FIELDS) {
    found[count] ??= tokenCount(valueAt(usage, path));
  }
  const entries = Object.entries(found).filter(([, count]) => count !== null);
  return { ...before, ...Object.fromEntries(entries) };
}

/** Returns the value at a path of names with dots between them. */
export function valueAt(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce((one: unknown, name) => (isJsonObject(one) ? one[name] : undefined), value);
}

/**
 * Returns the usage of an answer. What no count was reported for is estimated, and the usage says
 * so. Some vendors do not count reasoning as output (xAI, Google in OpenAI's format): the total
 * shows it.
 */
export function usageOf(reported: ReportedUsage, estimate: Usage): Usage {
  const { cached_tokens, cache_write_tokens, reasoning_tokens } = reported;
  const counted_out = outputTokens(reported);
  const isCounted = counted_out !== null || estimate.tokens_out === 0;
  const isEstimated = reported.tokens_in === null || !isCounted;
  return {
    tokens_in: inputTokens(reported) ?? estimate.tokens_in,
    tokens_out: counted_out ?? estimate.tokens_out,
    ...(cached_tokens === null ? {} : { cached_tokens }),
    ...(cache_write_tokens === null ? {} : { cache_write_tokens }),
    ...(reasoning_tokens === null ? {} : { reasoning_tokens }),
    ...(isEstimated ? { estimated: true } : {}),
  };
}

/** Returns the usage of two requests. */
export function sumOfUsage(one: ReportedUsage, other: ReportedUsage): ReportedUsage {
  const sum = (count: keyof ReportedUsage): number | null =>
    one[count] === null ? other[count] : one[count] + (other[count] ?? 0);
  return {
    tokens_in: sum('tokens_in'),
    tokens_out: sum('tokens_out'),
    cached_tokens: sum('cached_tokens'),
    cache_write_tokens: sum('cache_write_tokens'),
    reasoning_tokens: sum('reasoning_tokens'),
    total_tokens: sum('total_tokens'),
  };
}

/** Returns the usage of an answer that failed, if any count was reported. */
export function usageOfFailure(reported: ReportedUsage): { usage?: Usage } {
  const nothing = { tokens_in: 0, tokens_out: 0 };
  if (reported.tokens_in === null && reported.tokens_out === null) return {};
  const { estimated: _, ...usage } = usageOf(reported, nothing);
  return { usage };
}

/** Counts cached input too: with the names of Anthropic, a gateway may count it apart. */
function inputTokens({
  tokens_in,
  cached_tokens,
  cache_write_tokens,
}: ReportedUsage): number | null {
  if (tokens_in === null) return null;
  const [read, written] = [cached_tokens ?? 0, cache_write_tokens ?? 0];
  return Math.max(read, written) > tokens_in ? tokens_in + read + written : tokens_in;
}

function outputTokens({
  tokens_in,
  tokens_out,
  reasoning_tokens,
  total_tokens,
}: ReportedUsage): number | null {
  const known = tokens_in !== null && total_tokens !== null ? total_tokens - tokens_in : null;
  if (tokens_out === null) return known !== null && known > 0 ? known : null;
  const reasoning = reasoning_tokens ?? 0;
  const rest = known ?? tokens_out;
  const withReasoning = reasoning > tokens_out ? tokens_out + reasoning : tokens_out;
  return Math.max(tokens_out, rest, withReasoning);
}
