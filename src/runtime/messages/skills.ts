import type { AgentDefinition, ToolDefinition } from '../../contracts/agents/definition.ts';

/** The tool that gives the text of a skill. */
export function isLoadSkill({ kind, name }: Pick<ToolDefinition, 'kind' | 'name'>): boolean {
  return kind === 'builtin' && name === 'load_skill';
}

/** What an agent is told of its skills: one line for each. Nothing, where it may not read them. */
export function skillList({ skills = [], tools }: AgentDefinition): string | undefined {
  if (skills.length === 0 || !tools.some(isLoadSkill)) {
    return undefined;
  }
  const lines = skills.map(({ name, description }) => `- ${name}: ${description}`);
  return ['Your skills. Read one by load_skill before you do what it is about:', ...lines].join(
    '\n',
  );
}
