import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import { Semaphore } from '../../src/concurrency/semaphore.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { beginQueryEmbedding, endQueryEmbedding } from '../../src/db/knowledge/embeddings.ts';
import { embedTexts, type FindProvider } from '../../src/runtime/model-calls/embed-texts.ts';
import { embedQueryPayload } from '../payloads.ts';

/** Maximum number of queries embedded at once. */
const MAX_CONCURRENT = 8;
/** The longest time of a call. Who asks waits about as long. */
const CALL_MS = 10_000;

/**
 * Creates the task that embeds a query of a search. The model is called outside of the job, because
 * a model that does not answer would delay wake-ups. A query is asked for again if this process
 * ends before.
 */
export function embedQueryTask(pool: Pool, provider: FindProvider, log: Logger): Task {
  const semaphore = new Semaphore(MAX_CONCURRENT);
  return async (payload, { abortSignal: signal }) => {
    const job = embedQueryPayload.parse(payload);
    const attempt = async () => {
      const asked = await beginQueryEmbedding(pool, job);
      if (!asked) return;
      const { model, query } = asked;
      const outcome = await embedTexts(provider, {
        ...{ tenantId: job.tenant_id, model, texts: [query], signal, ms: CALL_MS },
      });
      const [vector] = outcome.ok ? outcome.value.vectors : [];
      if (signal.aborted) return;
      await endQueryEmbedding(
        pool,
        { ...job, model },
        outcome.ok ? { vector: vector ?? [] } : { error: outcome.error },
      );
    };
    semaphore
      .run({ signal }, attempt)
      .catch((err) => log.warn({ err }, 'a query of a search could not be embedded'));
  };
}
