import type { ModelRef, Ranking } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import { firstBytes } from '../../text/truncate.ts';
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
};

/**
 * Ranks documents by their relevance to a query, within a time limit. Longer texts are cut. Never
 * throws: a provider that throws has failed.
 */
export async function rerankTexts(
  provider: FindProvider,
  { tenantId, model, query, documents, signal }: RerankTexts,
  ms = RERANK_MS,
): Promise<Outcome<Ranking>> {
  const found = provider(model, tenantId);
  if (!found.ok) return found;
  if (!found.value.rerank) {
    return failure('invalid_request', `The provider ${model.provider} ranks no documents.`);
  }
  const timeout = AbortSignal.timeout(ms);
  const context = { signal: AbortSignal.any([signal, timeout]), tenant_id: tenantId };
  const request = { model, query: cut(query), documents: documents.map(cut) };
  try {
    const outcome = await found.value.rerank(request, context);
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
