import type { Embeddings, ModelRef } from '../../contracts/agents/model.ts';
import type { Outcome, RunError } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { storableJson } from '../../json/storable-json.ts';
import type { Pool, Queryable } from '../connection/pool.ts';
import { vectorText } from './vector-text.ts';

/** A generation of vectors with chunks that are due. */
export type DueGeneration = { tenant_id: string; generation_id: string };

/** A chunk that this worker embeds, by its number. */
export type ClaimedChunk = { number: string; text: string };

/** Claimed chunks with their model, and how many vectors were copied from another generation. */
export type ChunkClaim = { model: ModelRef; copied: number; chunks: ClaimedChunk[] };

/** Returns the generations whose chunks are due, those of the longest wait first. */
export async function dueGenerations(pool: Pool): Promise<DueGeneration[]> {
  return (await pool.query<DueGeneration>('select * from howdah_private.due_generations()')).rows;
}

/** Claims chunks of a generation that are due. They are due again after two minutes. */
export async function claimChunks(
  pool: Pool,
  generationId: string,
  atMost: number,
): Promise<ChunkClaim | undefined> {
  const { rows } = await pool.query<ChunkClaim>(
    'select * from howdah_private.claim_chunks($1, $2)',
    [generationId, atMost],
  );
  return rows[0];
}

/** Stores the vectors of chunks. Throws `HWINV` if their length is not that of the others. */
export async function storeEmbeddings(
  pool: Pool,
  generationId: string,
  chunks: readonly ClaimedChunk[],
  { vectors, tokens }: { vectors: readonly (readonly number[])[]; tokens: number },
): Promise<void> {
  await pool.query('select howdah_private.store_embeddings($1, $2, $3, $4)', [
    generationId,
    chunks.map(({ number }) => number),
    vectors.map(vectorText),
    tokens,
  ]);
}

/** The longest time that a server may ask to wait. */
const MAX_WAIT_MS = 24 * 3_600_000;

/**
 * Records why a model made no vectors. Chunks that the model refuses are left out from now on, and
 * others are due again when the generation has waited.
 */
export async function failEmbeddings(
  pool: Pool,
  generationId: string,
  chunks: readonly ClaimedChunk[],
  error: Pick<RunError, 'code' | 'message' | 'retry_after_ms'>,
  isRefused: boolean,
): Promise<void> {
  const { code, message, retry_after_ms = 0 } = error;
  await pool.query('select howdah_private.fail_embeddings($1, $2, $3, $4, $5)', [
    generationId,
    chunks.map(({ number }) => number),
    storableJson({ code, message }),
    isRefused,
    Math.round(Math.min(retry_after_ms, MAX_WAIT_MS)),
  ]);
}

/** A query as the job that embeds it names it. */
export type QueryJob = { tenant_id: string; model_digest: string; digest: string };

/** Returns the query and the model of a job, or undefined if there is nothing to do. */
export async function beginQueryEmbedding(
  pool: Pool,
  { tenant_id, model_digest, digest }: QueryJob,
): Promise<{ model: ModelRef; query: string } | undefined> {
  const { rows } = await pool.query<{ asked: { model: ModelRef; query: string } | null }>(
    'select howdah_private.begin_query_embedding($1, $2, $3) as asked',
    [tenant_id, model_digest, digest],
  );
  return rows[0]?.asked ?? undefined;
}

/**
 * Stores the vector of a query, or why there is none, by the digest of the query. Its tokens count
 * for the limits of the run that searches, if it is a run. The digest of the model is that of the
 * database: a number such as 1.0 has another form here.
 */
export async function endQueryEmbedding(
  client: Queryable,
  { tenant_id, model_digest, model, digest }: QueryJob & { model: ModelRef },
  outcome: Outcome<Embeddings>,
  executionId: string | null = null,
): Promise<void> {
  const error = outcome.ok ? null : { code: outcome.error.code, message: outcome.error.message };
  await client.query('select howdah_private.end_query_embedding($1, $2, $3, $4, $5, $6, $7, $8)', [
    tenant_id,
    model_digest,
    storableJson(model),
    digest,
    outcome.ok ? vectorText(outcome.value.vectors[0] ?? []) : null,
    error && storableJson(error),
    outcome.ok ? outcome.value.usage.tokens_in : 0,
    executionId,
  ]);
}

/** A model, with the digest by which the database finds the vectors that it made. */
export type SearchModel = { model_digest: string; model: ModelRef };

/** Returns the models by which the query of a call of `knowledge_search` has no vector yet. */
export async function modelsOfSearch(
  pool: Pool,
  executionId: string,
  args: JsonObject,
): Promise<SearchModel[]> {
  const { rows } = await pool.query<SearchModel>(
    'select model_digest, model from howdah_private.models_of_search($1, $2)',
    [executionId, storableJson(args)],
  );
  return rows;
}
