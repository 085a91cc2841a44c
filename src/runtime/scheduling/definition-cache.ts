import { LRUCache } from 'lru-cache';
import { withOffload } from '../../concurrency/offload.ts';
import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type ClaimedRun, inputDataOf, loadVersion } from '../../db/runs/runs.ts';
import { fillPromptTemplate } from '../messages/fill-prompt-template.ts';

/** Most versions that are cached, each with its compiled schemas. */
const MAX_VERSIONS = 2_000;

/** Returns a function that loads a version and caches it. A version never changes. */
function createVersionCache(
  load: (id: string) => Promise<AgentDefinition>,
): (id: string) => Promise<AgentDefinition> {
  const versions = new LRUCache<string, Promise<AgentDefinition>>({ max: MAX_VERSIONS });
  return (id) => {
    const cached = versions.get(id);
    if (cached) return cached;
    const loading = load(id);
    versions.set(id, loading);
    loading.catch(() => versions.delete(id));
    return loading;
  };
}

/**
 * Returns a function that gives the definition of a run. Versions are cached; a prompt is filled in
 * anew for each run. Most agents have no prompt, and only a prompt needs another query.
 */
export function createDefinitionCache(
  pool: Pool,
): (
  run: Pick<ClaimedRun, 'execution_id' | 'agent_version_id' | 'tenant_id'>,
) => Promise<AgentDefinition> {
  const versionOf = createVersionCache((id) => loadVersion(pool, id));
  return async ({ execution_id, agent_version_id, tenant_id }) => {
    const definition = await versionOf(agent_version_id);
    if (!definition.agent.prompt) return definition;
    const inputData = await inputDataOf(pool, execution_id);
    return withOffload(tenant_id, undefined, () => fillPromptTemplate(definition, inputData));
  };
}
