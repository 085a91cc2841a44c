import type { ModelProvider, ModelRef, Ranking } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import { firstBytes } from '../../text/truncate.ts';
import { type BeginCall, callWithin } from '../held-run/call-admission.ts';
import type { FindProvider } from './embed-texts.ts';

/** The longest time of a call. Then a search keeps the order that it has without the model. */
export const RERANK_MS = 5_000;
/** The most bytes of the query, and of each document, that a model is sent. */
export const MAX_RERANKED_BYTES = 8_000;

type RerankTexts = {
  tenantId: string;
  model: ModelRef;
  query: string;
  documents: readonly string[];
  signal: AbortSignal;
  begin: BeginCall;
};

/**
 * Ranks documents by their relevance to a query, within a time limit and the limits of calls.
 * Longer texts are cut. A provider that throws has failed.
 */
export async function rerankTexts(
  provider: FindProvider,
  request: RerankTexts,
  ms = RERANK_MS,
): Promise<Outcome<Ranking>> {
  const { tenantId, model, begin } = request;
  const found = provider(model, tenantId);
  if (!found.ok) return found;
  if (!canRank(found.value)) {
    return failure('invalid_request', `The provider ${model.provider} ranks no documents.`);
  }
  const able = found.value;
  return callWithin(begin, model, () => rankWith(able, request, ms));
}

type RankingProvider = ModelProvider & Required<Pick<ModelProvider, 'rerank'>>;
const canRank = (provider: ModelProvider): provider is RankingProvider =>
  provider.rerank !== undefined;

async function rankWith(
  provider: RankingProvider,
  { tenantId, model, query, documents, signal }: RerankTexts,
  ms: number,
): Promise<Outcome<Ranking>> {
  const timeout = AbortSignal.timeout(ms);
  const context = { signal: AbortSignal.any([signal, timeout]), tenant_id: tenantId };
  const request = { model, query: cut(query), documents: documents.map(cut) };
  try {
    const outcome = await provider.rerank(request, context);
    const isLate = !outcome.ok && timeout.aborted && !signal.aborted;
    return isLate ? late(model, ms) : outcome;
  } catch (error) {
    return failure('internal', `The provider failed: ${(error as Error).message}`);
  }
}

const cut = (text: string) => firstBytes(text, MAX_RERANKED_BYTES);

const late = ({ name }: ModelRef, ms: number) =>
  failure('timeout', `The model ${name} did not answer within ${ms / 1000} seconds.`);

function failure(code: RunError['code'], message: string): Outcome<never> {
  return { ok: false, error: { code, message, retryable: false } };
}
