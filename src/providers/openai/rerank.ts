import type { RankedDocument, Ranking, RerankRequest } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { tokenCount } from '../answers/tokens.ts';
import { createFailure } from '../failure.ts';
import { checkRanking } from '../ranking.ts';
import { OPENAI_URL } from '../vendors.ts';
import type { Line } from './embed.ts';
import { readJsonAnswer } from './json-answer.ts';

/**
 * Sends `POST /rerank` in the format of Jina and Cohere, which vLLM, LocalAI and llama.cpp speak.
 * Throws the errors of the client.
 */
export async function rerank(
  { client, watch, peer }: Line,
  request: RerankRequest,
): Promise<Outcome<Ranking>> {
  const { model, query, documents } = request;
  if (peer.host === new URL(OPENAI_URL).host) {
    return createFailure(
      'invalid_request',
      'OpenAI has no models that rerank; use another vendor.',
    );
  }
  if (documents.length === 0) return { ok: true, value: { documents: [] } };
  const body = {
    ...model.request_params,
    model: model.model,
    query: query || ' ', // servers reject an empty text
    documents: documents.map((text) => text || ' '),
  };
  const response = await client.post('/rerank', { body, signal: watch.signal }).asResponse();
  watch.touch();
  const read = await readJsonAnswer(response, peer);
  if (!read.ok) return read;
  const answer = isJsonObject(read.value) ? read.value : {};
  const ranking = checkRanking(documentsIn(answer), request, peer);
  if (!ranking.ok) return ranking;
  const tokens_in = isJsonObject(answer.usage)
    ? (tokenCount(answer.usage.total_tokens) ?? tokenCount(answer.usage.prompt_tokens))
    : null;
  const usage = tokens_in === null ? {} : { usage: { tokens_in, tokens_out: 0 } };
  return { ok: true, value: { documents: ranking.value, ...usage } };
}

/** Returns the documents of an answer. Voyage calls the list `data`; some servers say `score`. */
function documentsIn({ results, data }: JsonObject): RankedDocument[] {
  const list = results ?? data;
  if (!Array.isArray(list)) return [];
  return list.map((one) => {
    const { index, relevance_score, score } = isJsonObject(one) ? one : {};
    const number = (value: unknown) => (typeof value === 'number' ? value : Number.NaN);
    return { index: number(index), score: number(relevance_score ?? score) };
  });
}
