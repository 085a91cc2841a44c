import type { AgentDefinition, ToolDefinition } from '../../contracts/agents/definition.ts';

/** Returns whether a tool is the one that returns the text of a skill. */
export function isLoadSkill({ kind, name }: Pick<ToolDefinition, 'kind' | 'name'>): boolean {
  return kind === 'builtin' && name === 'load_skill';
}

/**
 * Returns the list of an agent's skills for its prompt, one line each. Returns undefined if it has
 * none or may not read them.
 */
export function skillList({ skills = [], tools }: AgentDefinition): string | undefined {
  if (skills.length === 0 || !tools.some(isLoadSkill)) {
    return undefined;
  }
  const lines = skills.map(({ name, description }) => `- ${name}: ${description}`);
  return ['Your skills. Read one by load_skill before you do what it is about:', ...lines].join(
    '\n',
  );
}
