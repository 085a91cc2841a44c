import type { AgentDefinition } from '../contracts/definition.ts';

/** A version never changes, so it is loaded once and kept. */
export function keptVersions(
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
