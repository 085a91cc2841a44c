import type { RankedDocument, RerankRequest } from '../contracts/agents/model.ts';
import type { Outcome } from '../contracts/errors.ts';
import { createFailure } from './failure.ts';
import type { Peer } from './http/failures.ts';

/**
 * Checks the ranking of a vendor: it has each document at most once, and all documents unless the
 * model has `top_n`. Sorts the documents by descending score, and by index for equal scores.
 */
export function checkRanking(
  found: readonly RankedDocument[],
  { documents, model: { request_params } }: RerankRequest,
  { host }: Peer,
): Outcome<RankedDocument[]> {
  const count = documents.length;
  const indexes = new Set(found.map(({ index }) => index));
  const isKnown = (index: number) => Number.isInteger(index) && index >= 0 && index < count;
  const isComplete = found.length === count || request_params.top_n != null;
  const isRanking =
    isComplete &&
    indexes.size === found.length &&
    found.every(({ index, score }) => isKnown(index) && Number.isFinite(score));
  if (!isRanking) {
    const message = `The answer of ${host} is not a ranking of ${count} documents.`;
    return createFailure('bad_answer', message);
  }
  const sorted = found.toSorted((a, b) => b.score - a.score || a.index - b.index);
  return { ok: true, value: sorted };
}
