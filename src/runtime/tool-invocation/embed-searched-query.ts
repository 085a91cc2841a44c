import { createHash } from 'node:crypto';
import type { Pool } from '../../db/connection/pool.ts';
import { endQueryEmbedding, modelsOfSearch } from '../../db/knowledge/embeddings.ts';
import type { JsonObject } from '../../json/json.ts';
import type { RuntimeDependencies } from '../environment/runtime-dependencies.ts';
import { callsOfRun } from '../held-run/call-admission.ts';
import type { HeldRun } from '../held-run/held-run.ts';
import { embedTexts } from '../model-calls/embed-texts.ts';

/** The longest time of a call of an embedding model. Then the search is by words alone. */
const CALL_MS = 10_000;

/**
 * Embeds the query of a call of `knowledge_search` by the models of the agent's knowledge bases,
 * before the transaction of the call. Without a vector, the search is by words alone, so a model
 * that fails is no failure of the call.
 */
export async function embedSearchedQuery(
  pool: Pool,
  args: JsonObject,
  run: HeldRun,
  { provider }: Pick<RuntimeDependencies, 'provider'>,
): Promise<void> {
  const models = await modelsOfSearch(pool, run.id, args);
  const query = String(args.query);
  const { tenant_id } = run.context;
  const digest = createHash('md5').update(query).digest('hex');
  await Promise.all(
    models.map(async ({ model_digest, model }) => {
      const outcome = await embedTexts(provider, {
        ...{ tenantId: tenant_id, model, texts: [query], signal: run.abort.signal, ms: CALL_MS },
        begin: callsOfRun(run),
      });
      const searched = { tenant_id, model_digest, model, digest };
      if (outcome.ok) await endQueryEmbedding(pool, searched, outcome, run.id);
    }),
  );
}
