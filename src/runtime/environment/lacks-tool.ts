import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { RuntimeDependencies } from './runtime-dependencies.ts';

/**
 * Returns whether this process has lost a custom tool of a run since it claimed the run. Another
 * worker may have the tool.
 */
export function lacksTool(
  { tools }: Pick<AgentDefinition, 'tools'>,
  { customTools }: Pick<RuntimeDependencies, 'customTools'>,
): boolean {
  return tools.some(({ kind, name }) => kind === 'custom' && !customTools.has(name));
}
