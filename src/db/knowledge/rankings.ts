import type { ModelRef, Ranking } from '../../contracts/agents/model.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { storableJson } from '../../json/storable-json.ts';
import type { Pool, Queryable } from '../connection/pool.ts';

/** The candidates of a search, by the digests of the model and of the query with the candidates. */
export type RankingJob = { tenant_id: string; model_digest: string; digest: string };

/** What a model is sent, the candidates in the order of the search. */
export type RankingRequest = { model: ModelRef; query: string; documents: string[] };

/** Returns what the job of a search sends to a model, or undefined if there is nothing to do. */
export async function beginQueryRanking(
  pool: Pool,
  { tenant_id, model_digest, digest }: RankingJob,
): Promise<RankingRequest | undefined> {
  const { rows } = await pool.query<{ asked: RankingRequest | null }>(
    'select howdah_private.begin_query_ranking($1, $2, $3) as asked',
    [tenant_id, model_digest, digest],
  );
  return rows[0]?.asked ?? undefined;
}

/**
 * Stores how a model ranked `count` candidates, or why it did not, and counts the call: for limits
 * of a run, if it is one of a run.
 */
export async function endQueryRanking(
  client: Queryable,
  { tenant_id, model_digest, digest }: RankingJob,
  count: number,
  outcome: Outcome<Ranking>,
  executionId?: string,
): Promise<void> {
  const error = outcome.ok ? null : { code: outcome.error.code, message: outcome.error.message };
  await client.query('select howdah_private.end_query_ranking($1, $2, $3, $4, $5, $6, $7)', [
    tenant_id,
    model_digest,
    digest,
    outcome.ok ? scoresOf(outcome.value, count) : null,
    error && storableJson(error),
    outcome.ok ? storableJson({ ...outcome.value.usage }) : null,
    executionId ?? null,
  ]);
}

/** Returns the score of each candidate; null for one that the model did not return. */
function scoresOf({ documents }: Ranking, count: number): (number | null)[] {
  const scores = new Array<number | null>(count).fill(null);
  for (const { index, score } of documents) scores[index] = score;
  return scores;
}

/** Candidates of a call of `knowledge_search` that a model has not ranked yet. */
export type SearchRanking = Omit<RankingJob, 'tenant_id'> & Omit<RankingRequest, 'query'>;

/** Returns what a call of `knowledge_search` sends to models: a group of candidates for each. */
export async function rankingsOfSearch(
  pool: Pool,
  executionId: string,
  args: JsonObject,
): Promise<SearchRanking[]> {
  const { rows } = await pool.query<SearchRanking>(
    'select model_digest, digest, model, documents from howdah_private.rankings_of_search($1, $2)',
    [executionId, storableJson(args)],
  );
  return rows;
}
