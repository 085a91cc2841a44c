import type { Pool } from '../../db/connection/pool.ts';
import { endQueryRanking, rankingsOfSearch } from '../../db/knowledge/rankings.ts';
import type { JsonObject } from '../../json/json.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import { callsOfRun } from '../held-run/call-admission.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { rerankTexts } from '../model-calls/rerank-texts.ts';

/**
 * Lets the rerankers of the agent's knowledge bases rank the candidates of a call of
 * `knowledge_search`, before the transaction of the call. Without a ranking, the search keeps its
 * order and records why, so a model that fails is no failure of the call.
 */
export async function rerankSearchedQuery(
  pool: Pool,
  args: JsonObject,
  run: HeldRun,
  { provider }: Pick<RuntimeDependencies, 'provider'>,
): Promise<void> {
  const groups = await rankingsOfSearch(pool, run.id, args);
  const query = String(args.query);
  const { tenant_id } = run.context;
  await Promise.all(
    groups.map(async ({ model_digest, digest, model, documents }) => {
      const begin = callsOfRun(run);
      const request = { tenantId: tenant_id, model, query, documents, begin };
      const outcome = await rerankTexts(provider, { ...request, signal: run.abort.signal });
      const job = { tenant_id, model_digest, digest };
      await endQueryRanking(pool, job, documents.length, outcome, run.id);
    }),
  );
}
