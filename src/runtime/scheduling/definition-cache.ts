import { withOffload } from '../../concurrency/offload.ts';
import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { type ClaimedRun, inputDataOf, loadVersion } from '../../db/runs/runs.ts';
import { fillPromptTemplate } from './fill-prompt-template.ts';

/** Creates a cache of agent versions. A version never changes, so it is loaded once. */
export function createVersionCache(
  load: (id: string) => Promise<AgentDefinition>,
): (id: string) => Promise<AgentDefinition> {
  const versions = new Map<string, Promise<AgentDefinition>>();
  return (id) => {
    const known = versions.get(id) ?? load(id);
    versions.set(id, known);
    known.catch(() => versions.delete(id));
    return known;
  };
}

/**
 * Creates a cache of the definitions that runs pinned, with the prompt filled in. Most agents have
 * no prompt, and only a prompt needs another query.
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
