import type pg from 'pg';
import type {
  Embeddings,
  EmbedRequest,
  ModelProvider,
} from '../../../src/contracts/agents/model.ts';
import type { Outcome } from '../../../src/contracts/errors.ts';
import { localProvider } from '../../../src/providers/local.ts';
import type { FindProvider } from '../../../src/runtime/model-calls/embed-texts.ts';
import { doTurn } from '../../../workers/batch-jobs/batch-job.ts';
import { embeddingJob } from '../../../workers/batch-jobs/embed-chunks.ts';
import { vectorJob } from '../../../workers/batch-jobs/statement-jobs.ts';

/** Finds the provider `local` for every model. */
export const findLocal: FindProvider = () => ({ ok: true, value: localProvider() });

/** Returns providers that embed by a function, and the texts of each call. */
export function fakeProvider(
  embed: (request: EmbedRequest) => Outcome<Embeddings> | Promise<Outcome<Embeddings>>,
): { find: FindProvider; calls: string[][] } {
  const calls: string[][] = [];
  const provider = {
    name: 'fake',
    embed: async (request: EmbedRequest) => {
      calls.push(request.texts);
      return embed(request);
    },
  } as unknown as ModelProvider;
  return { find: () => ({ ok: true, value: provider }), calls };
}

/** Deletes the vectors of all retired generations, as workers do. */
export async function deleteVectors(pool: pg.Pool): Promise<void> {
  for (;;) {
    const { done, error } = await doTurn(vectorJob(pool));
    if (error !== undefined) throw error;
    if (done === 0) return;
  }
}

/** Embeds all chunks that are due, as workers do. Returns how many are done, and the failures. */
export async function embedChunks(pool: pg.Pool, find: FindProvider = findLocal) {
  const job = embeddingJob(pool, find);
  const failures: unknown[] = [];
  let done = 0;
  for (;;) {
    const lanes = (await job.lanes?.due()) ?? [];
    if (lanes.length === 0) return { done, failures };
    for (const lane of lanes) {
      const turn = await doTurn(job, lane);
      if (turn.error !== undefined) throw turn.error;
      failures.push(...turn.failures.map(({ error }) => error));
      done += turn.done;
    }
  }
}
