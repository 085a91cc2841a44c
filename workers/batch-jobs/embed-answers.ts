import type { Embeddings } from '../../src/contracts/agents/model.ts';
import type { ErrorCode, Outcome } from '../../src/contracts/errors.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import type { DueEvaluation } from '../../src/db/quality/due-grades.ts';
import {
  type ClaimedSimilarity,
  claimSimilarities,
  failSimilarity,
  storeSimilarity,
} from '../../src/db/quality/similarities.ts';
import { callsOfTenant } from '../../src/runtime/held-run/call-admission.ts';
import { embedTexts, type FindProvider } from '../../src/runtime/model-calls/embed-texts.ts';

/** Runs of a claim. */
const MAX_RUNS = 16;
/** The longest time of a call. */
const CALL_MS = 30_000;
/** The time that a claim has for its calls. The runs are due again after two minutes. */
const CLAIM_MS = 80_000;

/** Errors that another attempt with the same texts would have again. */
const OF_TEXTS: ReadonlySet<ErrorCode> = new Set([
  'bad_answer',
  'content_filtered',
  'context_too_long',
  'invalid_request',
]);

/**
 * Makes the vectors that similarity graders of an evaluation need. Each comparison is a call of its
 * own, so that its cost is known. A model that fails is not called again for the rest of the claim.
 * Returns how many runs were claimed.
 */
export async function embedAnswers(
  pool: Pool,
  provider: FindProvider,
  evaluation: DueEvaluation,
  signal: AbortSignal,
): Promise<number> {
  const endsAt = performance.now() + CLAIM_MS;
  const begin = callsOfTenant(pool, evaluation.tenant_id);
  const claimed = await claimSimilarities(pool, evaluation, MAX_RUNS);
  const embedded = new Set<string>();
  const failing = new Set<string>();
  const postponed = new Set<string>();
  for (const [at, similarity] of claimed.entries()) {
    const ms = Math.min(CALL_MS, endsAt - performance.now());
    if (signal.aborted || ms <= 0) break;
    const { model, execution_id } = similarity;
    const modelKey = JSON.stringify(model);
    if (failing.has(modelKey) || postponed.has(execution_id)) continue;
    const keyOf = (text: string) => JSON.stringify([model, text]);
    const texts = similarity.texts.filter((text) => !embedded.has(keyOf(text)));
    const request = { tenantId: evaluation.tenant_id, model, texts, signal, ms, begin };
    const outcome = texts.length > 0 ? await embedTexts(provider, request) : NOTHING;
    if (signal.aborted) break;
    if (outcome.ok) {
      await storeSimilarity(pool, evaluation, similarity, texts, outcome.value);
      for (const text of texts) embedded.add(keyOf(text));
      continue;
    }
    const isRefused = OF_TEXTS.has(outcome.error.code);
    if (!isRefused) failing.add(modelKey);
    const failed = isRefused ? [similarity] : claimed.slice(at).filter(usesModel(modelKey));
    for (const one of failed) {
      const isLater = await failSimilarity(pool, evaluation, one, outcome.error, isRefused);
      if (isLater) postponed.add(one.execution_id);
    }
  }
  return claimed.length;
}

const usesModel =
  (key: string) =>
  ({ model }: ClaimedSimilarity) =>
    JSON.stringify(model) === key;

const NOTHING: Outcome<Embeddings> = {
  ok: true,
  value: { vectors: [], usage: { tokens_in: 0, tokens_out: 0 } },
};
