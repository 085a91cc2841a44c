import { parseDocument } from 'yaml';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import type { Team } from '../graph/workflow-graph.ts';

/** Aliases of a file that are followed: more are an attack, or a mistake. */
const MAX_ALIASES = 100;
const TYPES: readonly Team['type'][] = [
  ...(['chain', 'parallel', 'router', 'orchestrator', 'evaluator_optimizer'] as const),
  ...(['voting', 'map', 'graph'] as const),
];

/**
 * Returns the workflows of a file of an agent system, by name. Returns undefined for a text that is
 * no YAML. What is not written yet is left out, so that the picture follows the typing.
 */
export function teamsOf(text: string): ReadonlyMap<string, Team> | undefined {
  const workflows = readWorkflows(text);
  if (!workflows) return undefined;
  const teams = Object.entries(workflows).flatMap(([name, entry]) => {
    const team = isJsonObject(entry) ? teamOf(entry) : undefined;
    return team ? [[name, team] as const] : [];
  });
  return new Map(teams);
}

function readWorkflows(text: string): JsonObject | undefined {
  try {
    const document = parseDocument(text);
    if (document.errors.length > 0) return undefined;
    const { workflows = {} } = document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};
    return isJsonObject(workflows) ? workflows : {};
  } catch {
    return undefined;
  }
}

/** Reads an entry. The keys of the configuration may stand beside its type, or below it. */
function teamOf(entry: JsonObject): Team | undefined {
  const written = String(entry.type ?? '').replaceAll('-', '_');
  const type = TYPES.find((one) => one === written);
  if (!type) return undefined;
  const below = isJsonObject(entry.configuration ?? null) ? entry.configuration : {};
  const members = Array.isArray(entry.members) ? entry.members : [];
  return {
    type,
    configuration: { ...entry, ...(below as JsonObject) },
    members: withoutDoubles(members.map(nameOf)).map((name) => ({ name })),
  };
}

/** Returns the name that a member has in its workflow. */
function nameOf(member: Json, index: number): string {
  if (typeof member === 'string') return member;
  const { role, agent, workflow } = isJsonObject(member) ? member : {};
  const name = [role, agent, workflow].find((one) => typeof one === 'string');
  return typeof name === 'string' ? name : `person ${index + 1}`;
}

/** Numbers the members of a name, since each is a node of its own. */
function withoutDoubles(names: readonly string[]): string[] {
  return names.map((name, index) => {
    const before = names.slice(0, index).filter((one) => one === name).length;
    return before === 0 ? name : `${name} (${before + 1})`;
  });
}
