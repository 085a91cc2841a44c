import type OpenAI from 'openai';
import type { Embeddings, EmbedRequest, ModelRef } from '../../contracts/agents/model.ts';
import type { Usage } from '../../contracts/agents/usage.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { estimateTokens, tokenCount } from '../answers/tokens.ts';
import { createFailure } from '../failure.ts';
import type { Peer } from '../http/failures.ts';
import type { Watch } from '../http/stall-timeout.ts';
import { readJsonAnswer } from './json-answer.ts';
import type { Sdk } from './sdk.ts';

/** The connection to one server for one request. */
export type Line = { sdk: Sdk; client: OpenAI; watch: Watch; peer: Peer };

/**
 * The batch size that every server accepts. OpenAI accepts 2048, text-embeddings-inference accepts
 * 32.
 */
const AT_ONCE = 32;

/** Embeds all texts of a request in batches. The first failure fails the whole request. */
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

/** Sends `POST /embeddings`. Throws the errors of the client. */
export async function embed(
  { client, watch, peer }: Line,
  model: ModelRef,
  texts: string[],
): Promise<Outcome<Embeddings>> {
  const body = {
    ...model.request_params,
    model: model.model,
    input: texts.map((text) => text || ' '), // servers reject an empty text
    encoding_format: 'float' as const, // the format that every server supports
  };
  const response = await client.embeddings.create(body, { signal: watch.signal }).asResponse();
  watch.touch();
  const read = await readJsonAnswer(response, peer);
  if (!read.ok) return read;
  const answer = read.value;
  const vectors = isJsonObject(answer) ? vectorsIn(answer, texts.length) : null;
  if (vectors === null) {
    const message = `The answer of ${peer.host} is not a list of ${texts.length} embeddings.`;
    return createFailure('bad_answer', message);
  }
  return { ok: true, value: { vectors, usage: usageIn(answer as JsonObject, texts) } };
}

/**
 * Returns the vectors in the order of their index, which may differ from the order of arrival.
 * Returns null when a vector is missing or contains no numbers.
 */
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
  const tokens = isJsonObject(usage) ? (usage.prompt_tokens ?? usage.total_tokens) : null;
  return { tokens_in: tokenCount(tokens) ?? estimateTokens(texts.join('')), tokens_out: 0 };
}
