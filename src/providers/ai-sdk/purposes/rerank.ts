import type { RerankingModelV4 } from '@ai-sdk/provider';
import type { Ranking, RerankRequest } from '../../../contracts/agents/model.ts';
import type { Outcome } from '../../../contracts/errors.ts';
import type { Peer } from '../../http/failures.ts';
import { checkRanking } from '../../ranking.ts';
import { formatWarning } from '../warnings.ts';

/** The names in `request_params` that are options of the package, or fields of each request. */
export const RERANK_OPTIONS = ['top_n', 'query', 'documents'];

/** Sorts documents by relevance. Throws the errors of the package. */
export async function rankDocuments(
  model: RerankingModelV4,
  request: RerankRequest,
  abortSignal: AbortSignal,
  peer: Peer,
): Promise<Outcome<Ranking>> {
  const { query, documents, model: row } = request;
  if (documents.length === 0) return { ok: true, value: { documents: [] } };
  const { top_n } = row.request_params;
  const answer = await model.doRerank({
    query: query || ' ', // vendors reject an empty text
    documents: { type: 'text', values: documents.map((text) => text || ' ') },
    abortSignal,
    ...(typeof top_n === 'number' && { topN: top_n }),
  });
  const found = answer.ranking.map(({ index, relevanceScore }) => ({
    index,
    score: relevanceScore,
  }));
  const ranking = checkRanking(found, request, peer);
  if (!ranking.ok) return ranking;
  const warnings = (answer.warnings ?? []).map(formatWarning);
  return {
    ok: true,
    value: { documents: ranking.value, ...(warnings.length > 0 && { warnings }) },
  };
}
