import type { Embeddings, ModelRef } from '../../contracts/agents/model.ts';
import type { RunError } from '../../contracts/errors.ts';
import { storableText } from '../../json/storable-json.ts';
import { callPrivate, type Pool } from '../connection/pool.ts';
import { vectorText } from '../knowledge/vector-text.ts';
import type { DueEvaluation } from './due-grades.ts';

/** A comparison of an answer with what is expected, which this worker makes. */
export type ClaimedSimilarity = {
  execution_id: string;
  /** Name of the grader. */
  grader: string;
  /** Identifies the attempt. */
  claim: string;
  model: ModelRef;
  /** The texts that have no vector. */
  texts: string[];
};

/** Claims runs of an evaluation whose answers need vectors. They are due again in two minutes. */
export async function claimSimilarities(
  pool: Pool,
  { tenant_id, evaluation_id }: DueEvaluation,
  atMost: number,
): Promise<ClaimedSimilarity[]> {
  const { rows } = await pool.query<ClaimedSimilarity>(
    'select * from howdah_private.claim_similarities($1, $2, $3)',
    [tenant_id, evaluation_id, atMost],
  );
  return rows;
}

/** Stores the vectors of the texts of a comparison, and its similarity, if it is still claimed. */
export async function storeSimilarity(
  pool: Pool,
  { tenant_id, evaluation_id }: DueEvaluation,
  { execution_id, grader, claim }: ClaimedSimilarity,
  texts: readonly string[],
  { vectors, usage }: Embeddings,
): Promise<void> {
  await callPrivate(
    pool,
    'store_similarity',
    ...[tenant_id, evaluation_id, execution_id, grader, claim],
    texts,
    vectors.map(vectorText),
    usage.tokens_in,
  );
}

/**
 * Records why a model made no vectors. Texts that it refuses are not tried again. A limit of calls
 * uses up no attempt. Returns whether the run is due later, with its other graders.
 */
export async function failSimilarity(
  pool: Pool,
  { tenant_id, evaluation_id }: DueEvaluation,
  { execution_id, grader, claim }: ClaimedSimilarity,
  { code, message, retry_after_ms }: RunError,
  isRefused: boolean,
): Promise<boolean> {
  return callPrivate<boolean>(
    pool,
    'fail_similarity',
    ...[tenant_id, evaluation_id, execution_id, grader, claim],
    storableText(message),
    isRefused,
    code === 'limit_reached' ? (retry_after_ms ?? 0) : null,
  );
}
