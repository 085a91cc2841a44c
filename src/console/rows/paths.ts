import type { ResourceType } from './resource-types.ts';

/** Resources that have a place of their own in the menu, in its order. */
export const DEFINITIONS = [
  'agents',
  'workflows',
  'tools',
  'models',
  'prompts',
  'skills',
  'mcp-servers',
] as const;

/** Resources whose place is at the first level of the paths. The API has `/tools` itself. */
const AT_ROOT: readonly string[] = ['agents', 'workflows'];

/** The place of knowledge bases, which have pages of their own. */
export const KNOWLEDGE = '/knowledge';

/** The places of data sets and evaluations, which have pages of their own. */
export const DATASETS = '/datasets';
export const EVALUATIONS = '/evaluations';

/** Returns the path of the evaluations of a rule that grades live runs. */
export const ruleEvaluations = (rule: string) => `${EVALUATIONS}?rule=${rule}`;

/** Returns the path of the quality of versions by day, of an agent, a workflow or a data set. */
export function overTimePath(filter: Readonly<Record<string, string>> = {}): string {
  const query = new URLSearchParams(filter);
  return `${EVALUATIONS}/over-time${query.size > 0 ? `?${query}` : ''}`;
}

/** Places of rows that have pages of their own, and of rows that are shown on those pages. */
const PLACES: Readonly<Record<string, string>> = {
  'knowledge-bases': KNOWLEDGE,
  datasets: DATASETS,
  evaluations: EVALUATIONS,
};
const ON_OTHER_PAGES: readonly string[] = ['documents', 'dataset-items', 'evaluation-results'];

/** Returns whether the menu leads to the rows of a resource, so the place System does not. */
export function hasOwnPlace(resource: string): boolean {
  const isDefinition = (DEFINITIONS as readonly string[]).includes(resource);
  return isDefinition || resource in PLACES || ON_OTHER_PAGES.includes(resource);
}

/** Returns the path of a list. */
export function listPath(resource: string): string {
  if (AT_ROOT.includes(resource)) return `/${resource}`;
  const place = PLACES[resource];
  if (place !== undefined) return place;
  const isDefinition = (DEFINITIONS as readonly string[]).includes(resource);
  return `/${isDefinition ? 'definitions' : 'system'}/${resource}`;
}

/** The place of agent systems, which are files and no rows. */
export const SYSTEMS = '/definitions/agent-systems';

/** Returns the path of an agent system, by its id or its name. */
export function systemPath(system: string): string {
  return `${SYSTEMS}/${encodeURIComponent(system)}`;
}

/** Returns the path of a row, by its id or its name. */
export function rowPath({ name }: Pick<ResourceType, 'name'>, row: string): string {
  return `${listPath(name)}/${encodeURIComponent(row)}`;
}

/**
 * Returns the id or the name in a path. The router has decoded all but the characters that separate
 * parts of a URL, so a `%` in a name is a `%` by then.
 */
export function rowOfPath(part: string): string {
  return part.replaceAll(/%(?:2[346BCF]|3[ABDF]|40)/gi, decodeURIComponent);
}

/** Returns whether a part of a path is an id, and not a name. */
export function isId(part: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(part);
}

/** Returns the path of the row that a field refers to. */
export function referencePath({ resource }: { resource: string }, value: string): string {
  return rowPath({ name: resource }, value);
}
