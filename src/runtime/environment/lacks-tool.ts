import type { AgentDefinition } from '../../contracts/agents/definition.ts';
import type { RuntimeDependencies } from './runtime-dependencies.ts';

/**
 * Returns whether this process has lost a custom tool of a run since it claimed the run. Another
 * worker may have the tool. A replay needs none, because its calls are recorded.
 */
export function lacksTool(
  { tools }: Pick<AgentDefinition, 'tools'>,
  { customTools, recordedCalls }: Pick<RuntimeDependencies, 'customTools' | 'recordedCalls'>,
): boolean {
  if (recordedCalls) return false;
  return tools.some(({ kind, name }) => kind === 'custom' && !customTools.has(name));
}
