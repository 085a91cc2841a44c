import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../../src/db/connection/pool.ts';
import {
  beginQueryRanking,
  endQueryRanking,
  type RankingJob,
} from '../../../src/db/knowledge/rankings.ts';
import { callsOfTenant } from '../../../src/runtime/held-run/call-admission.ts';
import type { FindProvider } from '../../../src/runtime/model-calls/embed-texts.ts';
import { rerankTexts } from '../../../src/runtime/model-calls/rerank-texts.ts';
import { FairTaskQueue } from '../../fair-task-queue.ts';
import { rerankQueryPayload } from '../../payloads.ts';

/** Searches that are ranked at once. A tenant with many searches waits for its own. */
const ROOM = { atOnce: 8, ofOneTenant: 4 };

/**
 * Creates the task that ranks the candidates of a search. The model is called outside of the job,
 * because a model that does not answer would delay wake-ups. A search is asked for again if this
 * process ends before.
 */
export function rerankQueryTask(pool: Pool, provider: FindProvider, log: Logger): Task {
  const line = new FairTaskQueue(
    ROOM,
    {
      begin: async (job: Job) => {
        const asked = await beginQueryRanking(pool, job);
        return asked && { ...job, ...asked };
      },
      go: async ({ tenant_id: tenantId, model, query, documents, signal, ...job }) => {
        const begin = callsOfTenant(pool, tenantId);
        const request = { tenantId, model, query, documents, signal, begin };
        const outcome = await rerankTexts(provider, request);
        if (signal.aborted) return;
        await endQueryRanking(pool, { ...job, tenant_id: tenantId }, documents.length, outcome);
      },
    },
    (err) => log.warn({ err }, 'the candidates of a search could not be ranked'),
  );
  return async (payload, { abortSignal: signal, addJob }) => {
    const job = rerankQueryPayload.parse(payload);
    const id = `ranking ${job.tenant_id} ${job.model_digest} ${job.digest}`;
    const runAt = await line.submit({ ...job, id, signal });
    if (runAt) await addJob('rerank_query', job, { jobKey: id, runAt, maxAttempts: 3 });
  };
}

type Job = RankingJob & { id: string; signal: AbortSignal };
