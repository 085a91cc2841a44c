import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../../src/db/connection/pool.ts';
import {
  beginQueryEmbedding,
  endQueryEmbedding,
  type QueryJob,
} from '../../../src/db/knowledge/embeddings.ts';
import { callsOfTenant } from '../../../src/runtime/held-run/call-admission.ts';
import { embedTexts, type FindProvider } from '../../../src/runtime/model-calls/embed-texts.ts';
import { FairTaskQueue } from '../../fair-task-queue.ts';
import { embedQueryPayload } from '../../payloads.ts';

/** Queries that are embedded at once. A tenant with many queries waits for its own. */
const ROOM = { atOnce: 8, ofOneTenant: 4 };
/** The longest time of a call. Who asks waits about as long. */
const CALL_MS = 10_000;

/**
 * Creates the task that embeds a query of a search. The model is called outside of the job, because
 * a model that does not answer would delay wake-ups. A query is asked for again if this process
 * ends before.
 */
export function embedQueryTask(pool: Pool, provider: FindProvider, log: Logger): Task {
  const line = new FairTaskQueue(
    ROOM,
    {
      begin: async (job: EmbeddingJob) => {
        const asked = await beginQueryEmbedding(pool, job);
        return asked && { ...job, ...asked };
      },
      go: async ({ query, signal, ...job }) => {
        const { tenant_id: tenantId, model } = job;
        const begin = callsOfTenant(pool, tenantId);
        const request = { tenantId, model, texts: [query], signal, ms: CALL_MS, begin };
        const outcome = await embedTexts(provider, request);
        if (!signal.aborted) await endQueryEmbedding(pool, job, outcome);
      },
    },
    (err) => log.warn({ err }, 'a query of a search could not be embedded'),
  );
  return async (payload, { abortSignal: signal, addJob }) => {
    const job = embedQueryPayload.parse(payload);
    const id = `query ${job.tenant_id} ${job.model_digest} ${job.digest}`;
    const runAt = await line.submit({ ...job, id, signal });
    if (runAt) await addJob('embed_query', job, { jobKey: id, runAt, maxAttempts: 3 });
  };
}

type EmbeddingJob = QueryJob & { id: string; signal: AbortSignal };
