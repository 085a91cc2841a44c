import type { ErrorCode, Outcome, RunError } from '../../src/contracts/errors.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { faultOf } from '../../src/db/connection/sqlstate.ts';
import {
  type ClaimedChunk,
  claimChunks,
  dueGenerations,
  failEmbeddings,
  storeEmbeddings,
} from '../../src/db/knowledge/embeddings.ts';
import { callsOfTenant } from '../../src/runtime/held-run/call-admission.ts';
import { embedTexts, type FindProvider } from '../../src/runtime/model-calls/embed-texts.ts';
import type { Batch, BatchJob } from './batch-job.ts';

/** Generations that are embedded at once. */
const SLOTS = { atOnce: 4, ofOneTenant: 2 };
/** The most chunks of a claim, and of a call of the model. */
const MAX_CHUNKS = 64;
/** The longest time of a call. With all parts of a claim, it is below the time of the claim. */
const CALL_MS = 30_000;
/** The time that a claim has for its calls. The chunks are due again after two minutes. */
const CLAIM_MS = 80_000;

/** Errors that may be due to a single text. */
const OF_TEXTS: ReadonlySet<ErrorCode> = new Set([
  'bad_answer',
  'content_filtered',
  'context_too_long',
  'invalid_request',
]);

/**
 * Creates the job that makes vectors of the chunks of knowledge bases. A generation is a lane, so a
 * model that is slow or fails holds up no other.
 */
export function embeddingJob(pool: Pool, provider: FindProvider): BatchJob {
  return {
    ...{ name: 'embed_chunk', everyMs: 1_000, maxBatches: 20 },
    lanes: {
      ...SLOTS,
      due: async () =>
        (await dueGenerations(pool)).map((due) => ({
          id: due.generation_id,
          tenantId: due.tenant_id,
        })),
    },
    async batch({ id, tenantId }, signal) {
      const endsAt = performance.now() + CLAIM_MS;
      const claim = await claimChunks(pool, id, MAX_CHUNKS);
      if (!claim) return { done: 0, isMore: false };
      const { model, copied, chunks } = claim;
      if (chunks.length === 0) return { done: copied, isMore: copied > 0 };
      const begin = callsOfTenant(pool, tenantId);
      const embed = (part: readonly ClaimedChunk[]) => {
        const texts = part.map(({ text }) => text);
        const ms = Math.min(CALL_MS, Math.max(1, endsAt - performance.now()));
        return embedTexts(provider, { tenantId, model, texts, signal, ms, begin });
      };
      const batch = await embedClaim({ pool, id, embed, signal, endsAt }, chunks);
      return { ...batch, done: batch.done + copied };
    },
  };
}

type Embedding = {
  pool: Pool;
  /** The id of the generation. */
  id: string;
  embed(chunks: readonly ClaimedChunk[]): ReturnType<typeof embedTexts>;
  signal: AbortSignal;
  /** The time at which no call begins any more. */
  endsAt: number;
};

/**
 * Embeds claimed chunks. If the model may have refused one of the texts, the halves are tried: so
 * one text that is too long holds up no other. If every text of a claim fails, it is no fault of
 * the texts unless the model embeds another one.
 */
async function embedClaim(embedding: Embedding, chunks: readonly ClaimedChunk[]): Promise<Batch> {
  const { pool, id, signal } = embedding;
  const refused: { chunk: ClaimedChunk; error: RunError }[] = [];
  const parts = [chunks];
  let done = 0;
  for (let part = parts.pop(); part; part = parts.pop()) {
    const outcome = await embedPart(embedding, part);
    const [first] = part;
    if (outcome.ok) {
      done += part.length;
    } else if (OF_TEXTS.has(outcome.error.code) && part.length > 1) {
      const half = Math.ceil(part.length / 2);
      parts.push(part.slice(half), part.slice(0, half));
    } else if (OF_TEXTS.has(outcome.error.code) && first) {
      refused.push({ chunk: first, error: outcome.error });
    } else {
      const left = [...part, ...parts.flat(), ...refused.map(({ chunk }) => chunk)];
      return failAll(embedding, left, done, outcome.error);
    }
    if (signal.aborted) break;
  }
  if (done === 0 && refused[0] && !signal.aborted && !(await embedsAnother(embedding))) {
    return failAll(embedding, chunks, 0, refused[0].error);
  }
  for (const { chunk, error } of refused) await failEmbeddings(pool, id, [chunk], error, true);
  const failures = refused.map(({ chunk, error }) => ({ id: chunk.number, error }));
  return { done: done + refused.length, failures, isMore: !signal.aborted };
}

/** Returns whether the model embeds a short text now. Its tokens are counted. */
async function embedsAnother({ pool, id, embed }: Embedding): Promise<boolean> {
  const outcome = await embed([{ number: '0', text: 'text' }]);
  if (!outcome.ok) return false;
  const tokens = outcome.value.usage.tokens_in;
  await storeEmbeddings(pool, id, [], { vectors: [], tokens });
  return true;
}

/** Calls the model and stores the vectors. A length that differs from the others is an error. */
async function embedPart(
  { pool, id, embed, endsAt }: Embedding,
  part: readonly ClaimedChunk[],
): Promise<Outcome<true>> {
  if (performance.now() > endsAt) return { ok: false, error: OUT_OF_TIME };
  const outcome = await embed(part);
  if (!outcome.ok) return outcome;
  const { vectors, usage } = outcome.value;
  try {
    await storeEmbeddings(pool, id, part, { vectors, tokens: usage.tokens_in });
  } catch (error) {
    const { code, message } = faultOf(error);
    if (code !== 'HWINV') throw error;
    return { ok: false, error: { code: 'internal', message, retryable: false } };
  }
  return { ok: true, value: true };
}

const OUT_OF_TIME: RunError = {
  code: 'timeout',
  message: 'The model is too slow for the chunks of one claim.',
  retryable: true,
};

/** Returns chunks to the queue. After a stop of the worker, they are due after the claim. */
async function failAll(
  { pool, id, signal }: Embedding,
  chunks: readonly ClaimedChunk[],
  done: number,
  error: RunError,
): Promise<Batch> {
  if (signal.aborted) return { done, isMore: false };
  await failEmbeddings(pool, id, chunks, error, false);
  const failures = error.code === 'limit_reached' ? [] : [{ id, error }];
  return { done, failures, isMore: false };
}
