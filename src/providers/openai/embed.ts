import type OpenAI from 'openai';
import type { Embeddings, EmbedRequest, ModelRef, Usage } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { failed } from '../failure.ts';
import { estimateTokens, tokenCount } from '../tokens.ts';
import { type Peer, reportedFailure, webPage } from './failures.ts';
import type { Sdk } from './sdk.ts';
import type { Watch } from './stall-timeout.ts';

/** The way to one server, for one request. */
export type Line = { sdk: Sdk; client: OpenAI; watch: Watch; peer: Peer };

/** As many texts as every server takes at once: OpenAI would take 2048, text-embeddings-inference takes 32. */
const AT_ONCE = 32;

/** All texts of a request, so many at a time; the first failure is that of all. */
export async function embedInBatches(
  { texts }: EmbedRequest,
  send: (texts: string[]) => Promise<Outcome<Embeddings>>,
): Promise<Outcome<Embeddings>> {
  const vectors: number[][] = [];
  const usage: Usage = { tokens_in: 0, tokens_out: 0 };
  for (let from = 0; from < texts.length; from += AT_ONCE) {
    const batch = await send(texts.slice(from, from + AT_ONCE));
    if (!batch.ok) return batch;
    vectors.push(...batch.value.vectors);
    usage.tokens_in += batch.value.usage.tokens_in;
  }
  return { ok: true, value: { vectors, usage } };
}

/** `POST /embeddings`. Throws what the client throws. */
export async function embed(
  { client, watch, peer }: Line,
  model: ModelRef,
  texts: string[],
): Promise<Outcome<Embeddings>> {
  const body = {
    ...model.request_params,
    model: model.model,
    input: texts.map((text) => text || ' '), // an empty text is refused
    encoding_format: 'float' as const, // what every server knows
  };
  const response = await client.embeddings.create(body, { signal: watch.signal }).asResponse();
  watch.touch();
  if (response.headers.get('content-type')?.includes('html')) return webPage(peer);
  const told: unknown = JSON.parse(await response.text());
  if (isJsonObject(told) && told.error) return reportedFailure(told.error, '', peer);
  const vectors = isJsonObject(told) ? vectorsIn(told, texts.length) : null;
  if (vectors === null) {
    const message = `The answer of ${peer.host} is no list of ${texts.length} embeddings.`;
    return failed('bad_answer', message);
  }
  return { ok: true, value: { vectors, usage: usageIn(told as JsonObject, texts) } };
}

/** The vectors by their index, which need not be the order they come in; null when one is missing or holds no numbers. */
function vectorsIn({ data }: JsonObject, count: number): number[][] | null {
  if (!Array.isArray(data) || data.length !== count) return null;
  const vectors: number[][] = [];
  for (const [at, one] of data.entries()) {
    if (!isJsonObject(one) || !isVector(one.embedding)) return null;
    vectors[Number(one.index ?? at)] = one.embedding;
  }
  return Array.from({ length: count }, (_, at) => at in vectors).every(Boolean) ? vectors : null;
}

function isVector(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every(Number.isFinite);
}

function usageIn({ usage }: JsonObject, texts: string[]): Usage {
  const told = isJsonObject(usage) ? (usage.prompt_tokens ?? usage.total_tokens) : null;
  return { tokens_in: tokenCount(told) ?? estimateTokens(texts.join('')), tokens_out: 0 };
}
